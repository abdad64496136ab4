// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"errors"
	"fmt"

	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/store/segmentfile"
)

// Sections are the slices of a segment. A number, once given, stays.
func (s *Segment) Sections() []segmentfile.Section {
	return []segmentfile.Section{
		segmentfile.SectionOf(1, &s.Blocks), segmentfile.SectionOf(2, &s.Data), segmentfile.SectionOf(3, &s.Words),
		segmentfile.SectionOf(4, &s.Traces), segmentfile.SectionOf(5, &s.TraceOrder), segmentfile.SectionOf(6, &s.TraceBlocks), segmentfile.SectionOf(7, &s.Spans),
		segmentfile.SectionOf(8, &s.Labels.Hashes), segmentfile.SectionOf(9, &s.Labels.blocks), segmentfile.SectionOf(10, &s.Labels.keys),
		segmentfile.SectionOf(11, &s.Grams), segmentfile.SectionOf(12, &s.shorts), segmentfile.SectionOf(13, &s.uids),
	}
}

// Check reports what readers would stumble over. The checksums show that the
// bytes are those written; this shows that they were a segment.
func (s *Segment) Check() (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("contradicts itself: %v", fault)
		}
	}()
	if s.BlockRows <= 0 || len(s.Blocks) > MaxBlocks || len(s.Blocks) != (s.Rows+s.BlockRows-1)/s.BlockRows ||
		len(s.Traces) != len(s.TraceOrder) || len(s.Traces) != len(s.TraceBlocks) || len(s.Labels.Hashes) != len(s.Labels.blocks) {
		return errors.New("contradicts itself: its parts do not have the lengths of each other")
	}
	for i := range s.Blocks {
		b := &s.Blocks[i]
		if b.deciding > b.numbers || b.numbers > b.texts || b.texts > b.end || int(b.end) > len(s.Data) ||
			b.gramWords == 0 || int(b.grams)+int(b.gramWords) > len(s.Grams) {
			return fmt.Errorf("contradicts itself: block %d lies outside", i)
		}
	}
	for _, place := range s.TraceOrder {
		_ = s.Traces[place]
	}
	readDictionary(s.Unpack(nil, s.Words)).values()
	return nil
}

// Contain reads a segment. If one that was restored from a file makes read panic, its
// content is damaged: contain notes it, for the directory to set the file aside, and
// returns false. Readers go on without it. Others are never damaged, so that their
// panics go on.
func (s *Segment) Contain(read func()) bool {
	if !s.Restored {
		read()
		return true
	}
	if damage := panics.Catch(read); damage != nil {
		s.Damage.CompareAndSwap(nil, &damage)
		return false
	}
	return true
}
