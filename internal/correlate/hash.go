// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"

	"github.com/tapio/tapio/internal/model"
)

// Texts are hashed with FNV-1a, so that ids are the same in each run. It is written out here because
// hash/fnv cannot continue from a sum; see ADR 0121.
const (
	hashSeed  = 14695981039346656037
	hashPrime = 1099511628211
)

// hashText continues the hash h (at first hashSeed) with a text and a terminating byte.
func hashText(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * hashPrime
	}
	return (h ^ 0xff) * hashPrime
}

// uidOf returns the id of an event: its log.record.uid, else a hash of its content.
func uidOf(ev *model.Event) string {
	if uid := ev.UID(); uid != "" {
		return kept(uid)
	}
	h := fnv.New128a()
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(ev.When()))
	for _, part := range [][]byte{b[:], ev.TraceID[:], ev.SpanID[:], []byte(ev.Name), []byte(clipped(ev.Body.Str(), maxBodyBytes))} {
		_, _ = h.Write(part)
	}
	for _, kv := range ev.Attributes {
		_, _ = h.Write([]byte(kv.Value.Str()))
		binary.BigEndian.PutUint64(b[:], uint64(kv.Value.Int()))
		_, _ = h.Write(b[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}
