// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tapio/tapio/internal/model"
)

// A token is, big endian: version (1 byte), epoch, snapshot, time and sequence
// of the cursor (8 each), the start of the request's hash (8), the cursor's state if
// it has one, CRC-32C of all before it (4).
const (
	tokenVersion = 1
	tokenHashAt  = 1 + 4*8
	tokenStateAt = tokenHashAt + 8
	tokenLeast   = tokenStateAt + 4
)

// PageToken returns the opaque token under which the next page of the same
// request is asked for; "" for the zero cursor, which means the last page.
func PageToken(req proto.Message, next model.Cursor) string {
	if next.IsZero() {
		return ""
	}
	token := make([]byte, 0, tokenLeast+len(next.State))
	token = append(token, tokenVersion)
	for _, part := range []uint64{next.Epoch, next.Snapshot, uint64(next.Time), next.Seq, requestHash(req)} {
		token = binary.BigEndian.AppendUint64(token, part)
	}
	token = append(token, next.State...)
	token = binary.BigEndian.AppendUint32(token, crc32c(token))
	return base64.RawURLEncoding.EncodeToString(token)
}

// CursorOf reads the token that the answer to a request came with, to go on from it
// with the same request.
func CursorOf(req proto.Message, token string) (model.Cursor, error) { return cursorOf(req, token) }

// cursorOf reads the token of a request; none is the first page.
func cursorOf(req proto.Message, text string) (model.Cursor, error) {
	if text == "" {
		return model.Cursor{}, nil
	}
	token, err := base64.RawURLEncoding.Strict().DecodeString(text)
	sum := len(token) - 4
	if err != nil || len(token) < tokenLeast || token[0] != tokenVersion ||
		binary.BigEndian.Uint32(token[sum:]) != crc32c(token[:sum]) {
		return model.Cursor{}, model.InvalidField("page_token", "is none of this server's tokens: start again without it")
	}
	if binary.BigEndian.Uint64(token[tokenHashAt:]) != requestHash(req) {
		return model.Cursor{}, model.InvalidField("page_token", "belongs to another request: start again without it, or leave the rest of the request unchanged")
	}
	return model.Cursor{
		Epoch:    binary.BigEndian.Uint64(token[1:]),
		Snapshot: binary.BigEndian.Uint64(token[9:]),
		Time:     model.Nanos(binary.BigEndian.Uint64(token[17:])),
		Seq:      binary.BigEndian.Uint64(token[25:]),
		State:    string(token[tokenStateAt:sum]),
	}, nil
}

func crc32c(data []byte) uint32 {
	return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
}

// requestHash distinguishes requests that differ in more than their paging.
func requestHash(req proto.Message) uint64 {
	rest := proto.Clone(req)
	dropPaging(rest.ProtoReflect())
	hash := sha256.New()
	hash.Write([]byte(rest.ProtoReflect().Descriptor().FullName()))
	hash.Write([]byte{0})
	// A clone of a message that came over the wire marshals.
	body, _ := proto.MarshalOptions{Deterministic: true}.Marshal(rest)
	hash.Write(body)
	return binary.BigEndian.Uint64(hash.Sum(nil))
}

// dropPaging clears limit and page_token wherever the request keeps its filter.
// What is empty then is dropped too, since the first page may have come without
// it.
func dropPaging(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for _, name := range []protoreflect.Name{"limit", "page_token"} {
		if field := fields.ByName(name); field != nil {
			m.Clear(field)
		}
	}
	for _, name := range []protoreflect.Name{"query", "filter"} {
		field := fields.ByName(name)
		if field == nil || !m.Has(field) {
			continue
		}
		inner := m.Mutable(field).Message()
		dropPaging(inner)
		if proto.Size(inner.Interface()) == 0 {
			m.Clear(field)
		}
	}
}
