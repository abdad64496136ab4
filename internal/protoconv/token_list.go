// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"encoding/base64"
	"encoding/binary"

	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/model"
)

// A token of a list is, big endian: version (1 byte), the start of the request's hash
// (8), the count of the last item (8), its key, CRC-32C of all before it (4).
const (
	listTokenVersion = 2
	listCountAt      = 1 + 8
	listKeyAt        = listCountAt + 8
	listTokenLeast   = listKeyAt + 1 + 4
)

// ListToken is PageToken for lists that are paged by their keys.
func ListToken(req proto.Message, next model.ListPlace) string {
	if next.IsZero() {
		return ""
	}
	token := binary.BigEndian.AppendUint64([]byte{listTokenVersion}, requestHash(req))
	token = append(binary.BigEndian.AppendUint64(token, next.Count), next.Key...)
	token = binary.BigEndian.AppendUint32(token, crc32c(token))
	return base64.RawURLEncoding.EncodeToString(token)
}

// ListPlaceOf is CursorOf for lists.
func ListPlaceOf(req proto.Message, token string) (model.ListPlace, error) {
	return listPlaceOf(req, token)
}

// listPlaceOf reads the token of a request; none is the first page.
func listPlaceOf(req proto.Message, text string) (model.ListPlace, error) {
	if text == "" {
		return model.ListPlace{}, nil
	}
	token, err := base64.RawURLEncoding.Strict().DecodeString(text)
	sum := len(token) - 4
	if err != nil || len(token) < listTokenLeast || token[0] != listTokenVersion ||
		binary.BigEndian.Uint32(token[sum:]) != crc32c(token[:sum]) {
		return model.ListPlace{}, model.InvalidField("page_token", "is none of this server's tokens: start again without it")
	}
	if binary.BigEndian.Uint64(token[1:]) != requestHash(req) {
		return model.ListPlace{}, model.InvalidField("page_token", "belongs to another request: start again without it, or leave the rest of the request unchanged")
	}
	return model.ListPlace{Count: binary.BigEndian.Uint64(token[listCountAt:]), Key: string(token[listKeyAt:sum])}, nil
}
