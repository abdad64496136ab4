// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"time"

	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// spoolFactor is how many rings of records a spool holds.
const spoolFactor = 4

// spool takes records out of the ring buffer while a probe attaches: the kernel verifies
// large programs for seconds, in which a busy host fills the ring. They are decoded
// afterwards, in their order, as the probe is not ready for its own.
type spool struct {
	reader kernel.Reader
	limit  int
	bytes  []byte
	ends   []int
}

// recordAlignment is that of records in the ring.
const recordAlignment = 8

// while calls attach. What does not fit the limit stays in the ring.
func (s *spool) while(attach func()) error {
	stop, result := make(chan struct{}), make(chan error, 1)
	go func() { result <- panics.Catch(func() { s.run(stop) }) }()
	attach()
	close(stop)
	return <-result
}

func (s *spool) run(stop <-chan struct{}) {
	look := time.NewTicker(maxPause)
	defer look.Stop()
	for len(s.bytes) < s.limit {
		s.reader.Drain(s.keep)
		select {
		case <-stop:
			return
		case <-look.C:
		}
	}
}

func (s *spool) keep(record []byte) (more bool) {
	s.bytes = append(s.bytes, record...)
	s.ends = append(s.ends, len(s.bytes))
	for len(s.bytes)%recordAlignment != 0 {
		s.bytes = append(s.bytes, 0)
	}
	return len(s.bytes) < s.limit
}

// each gives out the records and forgets them.
func (s *spool) each(take func(record []byte)) {
	begin := 0
	for _, end := range s.ends {
		take(s.bytes[begin:end:end])
		begin = (end + recordAlignment - 1) &^ (recordAlignment - 1)
	}
	s.bytes, s.ends = s.bytes[:0], s.ends[:0]
}
