// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"fmt"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// Image is what a file holds of a volume.
type Image struct {
	First          uint64 // sequence of its first part of a profile; the others follow
	Count          int
	Oldest, Newest model.Nanos // times of samples
	Begun, Latest  time.Time   // arrival of the first and of the latest profile

	// Dictionary and Rows are the bytes of the volume.
	Dictionary, Rows []byte
}

// KeepFiles has Doomed report the volumes that are evicted.
func (s *Store) KeepFiles() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = true
}

func (v *volume) firstSeq() uint64 { return v.begin }

// Newest returns the newest sequence that was ever used.
func (s *Store) Newest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seq
}

// Pending returns the oldest volume that is to be written: one that is full or holds
// sequences up to upTo, and is not in a file as it is; nil: there is none.
func (s *Store) Pending(upTo uint64) *Image {
	v, image := s.nextPending(upTo)
	if image == nil {
		return nil
	}
	image.Dictionary, image.Rows = v.encode(), v.rows
	return image
}

func (s *Store) nextPending(upTo uint64) (view, *Image) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.volumes {
		if v.filed == v.count || v.lookup != nil && v.seqOf(v.filed) > upTo {
			continue
		}
		return v.parts, &Image{
			First: v.firstSeq(), Count: v.count, Oldest: v.first, Newest: v.last, Begun: v.begun, Latest: v.latest,
		}
	}
	return view{}, nil
}

// Written notes that the first entries of a volume are in its file. It returns false if
// the volume was evicted meanwhile.
func (s *Store) Written(first uint64, count int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.volumes {
		if v.firstSeq() == first {
			v.filed = count
			return true
		}
	}
	return false
}

// Doomed returns the first sequences of the volumes that were evicted since the last call.
func (s *Store) Doomed() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	doomed := s.doomed
	s.doomed = nil
	return doomed
}

// Unfile notes that all files are gone.
func (s *Store) Unfile() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.volumes {
		v.filed = 0
	}
}

// Filed returns a sequence up to which all that is held is in files, and how many parts
// of profiles are in none.
func (s *Store) Filed() (upTo uint64, unfiled int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	upTo = s.seq
	for _, v := range s.volumes {
		if v.filed < v.count {
			upTo = min(upTo, v.seqOf(v.filed)-1)
			unfiled += v.count - v.filed
		}
	}
	return upTo, unfiled
}

// Compact ends the growth of the volume that is filled.
func (s *Store) Compact() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeOpen()
}

// GoOn continues the sequences behind this one.
func (s *Store) GoOn(last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last > s.seq {
		s.closeOpen()
		s.seq = last
	}
}

// Restore puts a volume before all others. It returns false if there is no room for it.
func (s *Store) Restore(image *Image) (room bool, err error) {
	v, err := decodeVolume(image)
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	last := image.First + uint64(image.Count) - 1
	if len(s.volumes) > 0 && last >= s.volumes[0].firstSeq() {
		return false, fmt.Errorf("holds the profiles %d to %d, which another file holds in part", image.First, last)
	}
	if s.used()+v.size() > s.bytes {
		return false, nil
	}
	s.volumes = append([]*volume{v}, s.volumes...)
	s.seq = max(s.seq, last)
	return true, nil
}
