// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package hash makes ids that are the same in each run.
package hash

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"

	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/model"
)

// Texts are hashed with FNV-1a, so that ids are the same in each run. It is written out here because
// hash/fnv cannot continue from a sum; see ADR 0121.
const (
	Seed     = 14695981039346656037
	Prime    = 1099511628211
	uidBytes = 256 // of a body that are part of its id
)

// Text continues the hash h (at first Seed) with a text and a terminating byte.
func Text(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * Prime
	}
	return (h ^ 0xff) * Prime
}

// UID returns the id of an event: its log.record.uid, else a hash of its content.
func UID(ev *model.Event) string {
	if uid := ev.UID(); uid != "" {
		return bound.Copy(uid)
	}
	h := fnv.New128a()
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(ev.When()))
	for _, part := range [][]byte{b[:], ev.TraceID[:], ev.SpanID[:], []byte(ev.Name), []byte(bound.Text(ev.Body.Str(), uidBytes))} {
		_, _ = h.Write(part)
	}
	for _, kv := range ev.Attributes {
		_, _ = h.Write([]byte(kv.Value.Str()))
		binary.BigEndian.PutUint64(b[:], uint64(kv.Value.Int()))
		_, _ = h.Write(b[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}
