// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"

	"github.com/tapio/tapio/internal/model"
)

// The hash of texts is FNV-1a, so that ids are the same on each run. It is written out because
// the state of a hash.Hash64 of hash/fnv cannot be continued from a sum; see ADR 0121.
const (
	hashSeed  = 14695981039346656037
	hashPrime = 1099511628211
)

// hashText continues a hash, which begins as hashSeed, with a text and a byte that ends it.
func hashText(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * hashPrime
	}
	return (h ^ 0xff) * hashPrime
}

// uidOf names an event: by the id it has, else by what it is.
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
