// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"maps"
	"sync"
)

// Reasons why records are not archived.
const (
	reasonEvicted  = "evicted"  // from the store, before they were read
	reasonEncoding = "encoding" // failed
)

// Dropped is what dropped records are counted by.
type Dropped struct{ Signal, Reason string }

// Stats are the figures of an archiver. The maps are the caller's own.
type Stats struct {
	Records map[string]uint64 // archived, by signal
	Bytes   map[string]uint64 // of objects, by signal
	Waiting map[string]uint64 // records that were read and are not written, by signal
	Dropped map[Dropped]uint64
	Failed  uint64 // requests
}

type stats struct {
	mu sync.Mutex
	of Stats
}

func newStats(signals []string) *stats {
	s := &stats{of: Stats{
		Records: map[string]uint64{}, Bytes: map[string]uint64{}, Waiting: map[string]uint64{}, Dropped: map[Dropped]uint64{},
	}}
	for _, signal := range signals { // reported from the start on
		s.of.Records[signal], s.of.Bytes[signal], s.of.Waiting[signal] = 0, 0, 0
		s.of.Dropped[Dropped{signal, reasonEvicted}] = 0
	}
	return s
}

func (s *stats) archive(signal string, records, bytes uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of.Records[signal] += records
	s.of.Bytes[signal] += bytes
}

func (s *stats) wait(signal string, records int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of.Waiting[signal] = uint64(records)
}

func (s *stats) drop(signal, reason string, records uint64) {
	if records == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of.Dropped[Dropped{signal, reason}] += records
}

func (s *stats) fail() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of.Failed++
}

// Stats returns the figures of the archiver.
func (a *Archiver) Stats() Stats {
	a.stats.mu.Lock()
	defer a.stats.mu.Unlock()
	return Stats{
		Records: maps.Clone(a.stats.of.Records), Bytes: maps.Clone(a.stats.of.Bytes), Waiting: maps.Clone(a.stats.of.Waiting),
		Dropped: maps.Clone(a.stats.of.Dropped), Failed: a.stats.of.Failed,
	}
}
