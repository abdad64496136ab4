// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"bytes"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// smallRing holds few records; what finds no place is lost.
type smallRing struct {
	mu      sync.Mutex
	records [][]byte
	lost    int
}

func (r *smallRing) put(record []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.records) == 4 {
		r.lost++
		return
	}
	r.records = append(r.records, record)
}

func (r *smallRing) Drain(take func([]byte) bool) (taken int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.records) > 0 {
		record := r.records[0]
		r.records = r.records[1:]
		taken++
		if !take(record) {
			break
		}
	}
	return taken
}

func (*smallRing) Close() error { return nil }

// What comes while a probe attaches is kept in its order, also where it is more than the
// ring holds.
func TestRecordsAreKeptWhileAProbeAttaches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring := &smallRing{}
		s := &spool{reader: ring, limit: 1 << 20}
		var want [][]byte
		require.NoError(t, s.while(func() {
			for i := range 20 {
				record := bytes.Repeat([]byte{byte(i)}, 5+i)
				want = append(want, record)
				ring.put(record)
				if i%4 == 3 {
					time.Sleep(2 * maxPause) // the kernel verifies
					synctest.Wait()
				}
			}
		}))
		var got [][]byte
		s.each(func(record []byte) { got = append(got, bytes.Clone(record)) })
		assert.Equal(t, want, got)
		assert.Zero(t, ring.lost)
		s.each(func([]byte) { assert.Fail(t, "a record twice") })
	})
}

func TestSpoolsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring := &smallRing{}
		s := &spool{reader: ring, limit: 64}
		require.NoError(t, s.while(func() {
			for range 20 {
				ring.put(make([]byte, 16))
				time.Sleep(2 * maxPause)
				synctest.Wait()
			}
		}))
		kept := 0
		s.each(func([]byte) { kept++ })
		assert.Equal(t, 4, kept)
		assert.Len(t, ring.records, 4, "they stay in the ring")
		assert.Equal(t, 12, ring.lost, "and the kernel counts what is lost")
	})
}
