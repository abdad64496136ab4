// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"encoding/base64"
	"encoding/binary"

	"github.com/tapio/tapio/internal/model"
)

// A resume token is, big endian: version (1 byte), the epoch of its store and
// the sequence (8 each), CRC-32C of all before it (4).
const (
	resumeVersion = 2
	resumeSumAt   = 1 + 2*8
	resumeSize    = resumeSumAt + 4
)

// ResumeToken names the place behind a record of the store with an epoch, which a store with a
// directory keeps over restarts.
func ResumeToken(epoch, sequence uint64) string {
	token := append(make([]byte, 0, resumeSize), resumeVersion)
	token = binary.BigEndian.AppendUint64(token, epoch)
	token = binary.BigEndian.AppendUint64(token, sequence)
	token = binary.BigEndian.AppendUint32(token, crc32c(token))
	return base64.RawURLEncoding.EncodeToString(token)
}

// ReadResumeToken returns the sequence. Of a token of another store it is 0, for
// everything there is new to its reader.
func ReadResumeToken(epoch uint64, text, field string) (uint64, error) {
	token, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(token) != resumeSize || token[0] != resumeVersion ||
		binary.BigEndian.Uint32(token[resumeSumAt:]) != crc32c(token[:resumeSumAt]) {
		return 0, model.InvalidField(field, "is none of this server's tokens: start again without it")
	}
	if binary.BigEndian.Uint64(token[1:]) != epoch {
		return 0, nil
	}
	return binary.BigEndian.Uint64(token[9:]), nil
}

// SequenceOf returns the sequence in a resume token, 0 if it is none.
func SequenceOf(text string) uint64 {
	token, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(token) != resumeSize {
		return 0
	}
	return binary.BigEndian.Uint64(token[9:])
}

// SameStore reports whether two resume tokens are of one store.
func SameStore(a, b string) bool {
	first, err := base64.RawURLEncoding.DecodeString(a)
	second, err2 := base64.RawURLEncoding.DecodeString(b)
	return err == nil && err2 == nil && len(first) == resumeSize && len(second) == resumeSize && string(first[:9]) == string(second[:9])
}
