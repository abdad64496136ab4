// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"hash/fnv"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/tapio/tapio/internal/correlate/hash"
	"github.com/tapio/tapio/internal/correlate/lru"
)

// The benchmarks of this file compare what this package has of its own with the libraries
// that could stand in for it. docs/adr/0121-own-table-hash-and-field-reader.md judges them.

const benchEntries = 4096

func benchKeys(n int) []callKey {
	keys := make([]callKey, n)
	for i := range keys {
		keys[i] = callKey{caller: fmt.Sprint("service-", i%64), callee: fmt.Sprint("service-", i/64)}
	}
	return keys
}

// BenchmarkTable uses entries that are there, puts new ones into a full table, and walks
// over all, which conclusions do some 40 times per flush.
func BenchmarkTable(b *testing.B) {
	keys := benchKeys(2 * benchEntries)
	own := lru.New[callKey, *call](benchEntries)
	library, err := simplelru.NewLRU[callKey, *call](benchEntries, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, key := range keys[:benchEntries] {
		c := &call{}
		own.Put(key, c)
		library.Add(key, c)
	}
	used := 0
	for name, use := range map[string]func(i int){
		"get/own": func(i int) {
			if own.Get(keys[i%benchEntries]) != nil {
				used++
			}
		},
		"get/simplelru": func(i int) {
			if _, found := library.Get(keys[i%benchEntries]); found {
				used++
			}
		},
		"walk/own": func(int) {
			for range own.All() {
				used++
			}
		},
		"walk/simplelru": func(int) {
			for _, key := range library.Keys() { // the least recently used first
				if _, found := library.Peek(key); found {
					used++
				}
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				use(i)
			}
		})
	}
	b.Run("put/own", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if key := keys[i%len(keys)]; own.Peek(key) == nil {
				own.Put(key, nil)
			}
		}
	})
	b.Run("put/simplelru", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if key := keys[i%len(keys)]; !library.Contains(key) {
				library.Add(key, nil)
			}
		}
	})
	if used == 0 {
		b.Fatal("no entry was found")
	}
}

// BenchmarkHash hashes the masked tokens of a log line, and the names and values that
// identify an instance.
func BenchmarkHash(b *testing.B) {
	hashes := map[string]func(parts []string) uint64{
		"own": func(parts []string) uint64 {
			h := uint64(hash.Seed)
			for _, part := range parts {
				h = hash.Text(h, part)
			}
			return h
		},
		"fnv": func(parts []string) uint64 {
			h := fnv.New64a()
			for _, part := range parts {
				_, _ = h.Write([]byte(part))
				_, _ = h.Write([]byte{0xff})
			}
			return h.Sum64()
		},
		"xxhash": func(parts []string) uint64 {
			var h xxhash.Digest
			h.Reset()
			for _, part := range parts {
				_, _ = h.WriteString(part)
				_, _ = h.Write([]byte{0xff})
			}
			return h.Sum64()
		},
	}
	for name, parts := range map[string][]string{
		"line":     strings.Fields("<*> INFO a.Controller#<*> served request <*> of user <*> in <*> ms with status ok"),
		"instance": {"checkout", "k8s.pod.name", "checkout-5d4f8c7b9d-x2x7k", "host.name", "node-17"},
	} {
		if hashes["own"](parts) != hashes["fnv"](parts) {
			b.Fatal("hashText is not FNV-1a of the texts, each with the byte 0xff behind it")
		}
		for of, hash := range hashes {
			b.Run(name+"/"+of, func(b *testing.B) {
				b.ReportAllocs()
				for range b.N {
					if hash(parts) == 0 {
						b.Fatal("no hash")
					}
				}
			})
		}
	}
}
