// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"maps"
	"sync"
	"time"

	"github.com/tapio/tapio/internal/model"
)

const (
	// volumeShare is the part of the bound that one volume fills, one in volumeShare, and
	// ageShare that of the maximum age after which a new one is begun.
	volumeShare = 4
	ageShare    = 8
	// maxVolume bounds a volume, for an open one is written whole, again and again.
	maxVolume = 8 << 20
)

// Store holds profiles. It is safe for concurrent use.
type Store struct {
	now   func() time.Time
	epoch uint64
	// Resolve, set before the store is used, names the function of a frame that has none
	// when profiles are read; nil: it stays without.
	Resolve func(*model.Frame) bool

	mu      sync.Mutex
	bytes   int64 // the bound
	maxAge  time.Duration
	volumes []*volume // the oldest first; the last one is open
	seq     uint64    // of the newest part of a profile
	doomed  []uint64  // first sequences of evicted volumes, whose files go too
	files   bool      // volumes are kept in files

	appended uint64
	evicted  map[string]uint64
	refused  map[string]uint64
}

// New makes an empty store without a bound: call SetLimits. The epoch distinguishes its
// page tokens from those of other stores.
func New(epoch uint64, now func() time.Time) *Store {
	return &Store{
		now: now, epoch: epoch,
		evicted: map[string]uint64{"size": 0, "age": 0},
		refused: map[string]uint64{model.ProfileTooLarge: 0},
	}
}

// SetEpoch changes the epoch of an empty store.
func (s *Store) SetEpoch(epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch = epoch
}

// SetLimits changes the bounds and evicts what does not fit. With 0 bytes or less every
// profile is refused; 0 is no maximum age.
func (s *Store) SetLimits(bytes int64, maxAge time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes, s.maxAge = bytes, maxAge
	s.evict()
}

// Reject counts samples that were left out before they came here.
func (s *Store) Reject(rejections model.ProfileRejections) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for reason, n := range rejections {
		s.refused[reason] += n
	}
}

// Retire drops volumes whose newest profile arrived longer than the maximum age ago.
func (s *Store) Retire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.evict()
}

// open returns the volume for the next sample. The caller holds the lock.
func (s *Store) open(arrival time.Time) *volume {
	if n := len(s.volumes); n > 0 {
		v := s.volumes[n-1]
		if v.lookup != nil && v.size() < s.volumeBytes() && !s.stale(v, arrival) {
			return v
		}
		s.closeOpen()
		s.evict()
	}
	v := newVolume(arrival)
	s.volumes = append(s.volumes, v)
	return v
}

// volumeBytes is the size at which a volume is full. The caller holds the lock.
func (s *Store) volumeBytes() int64 { return min(s.bytes/volumeShare, maxVolume) }

// closeOpen ends the growth of the volume that is filled. The caller holds the lock.
func (s *Store) closeOpen() {
	if n := len(s.volumes); n > 0 && s.volumes[n-1].lookup != nil {
		s.volumes[n-1].compact()
	}
}

// stale reports whether a volume spans as much time as one may.
func (s *Store) stale(v *volume, arrival time.Time) bool {
	return s.maxAge > 0 && arrival.Sub(v.begun) > s.maxAge/ageShare
}

// evict drops volumes that are too old or too many. The volume that is filled goes
// only by age. The caller holds the lock.
func (s *Store) evict() {
	now := s.now()
	for len(s.volumes) > 0 {
		var reason string
		switch oldest := s.volumes[0]; {
		case s.maxAge > 0 && now.Sub(oldest.latest) > s.maxAge:
			reason = "age"
		case s.used() > s.bytes && (len(s.volumes) > 1 || s.bytes <= 0):
			reason = "size"
		default:
			return
		}
		s.evicted[reason] += s.volumes[0].samples
		if s.files {
			s.doomed = append(s.doomed, s.volumes[0].firstSeq())
		}
		s.volumes[0] = nil // lets go of it, for the slice keeps its array
		s.volumes = s.volumes[1:]
	}
}

// used is the bytes of all volumes. The caller holds the lock.
func (s *Store) used() (bytes int64) {
	for _, v := range s.volumes {
		bytes += v.size()
	}
	return bytes
}

// Stats describe how full the store is. The maps are the caller's own.
type Stats struct {
	Samples, Bytes, Capacity uint64
	Appended                 uint64            // samples since the start
	Evicted                  map[string]uint64 // samples, by "size" and "age"
	Refused                  map[string]uint64 // samples, by reason
	Oldest, Newest           model.Nanos
	FirstSeq, LastSeq        uint64 // of profiles
	Series                   uint64 // distinct combinations of resource, attributes and sample type
}

// Stats returns the figures of the store.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := Stats{
		Bytes: uint64(s.used()), Capacity: uint64(max(s.bytes, 0)), Appended: s.appended,
		Evicted: maps.Clone(s.evicted), Refused: maps.Clone(s.refused), LastSeq: s.seq,
	}
	kinds := map[seriesKey]struct{}{}
	for _, v := range s.volumes {
		stats.Samples += v.samples
		for i := range v.series {
			kinds[v.series[i].key] = struct{}{}
		}
		if v.count == 0 {
			continue
		}
		if stats.FirstSeq == 0 {
			stats.FirstSeq = v.firstSeq()
		}
		if stats.Oldest == 0 || v.first < stats.Oldest {
			stats.Oldest = v.first
		}
		stats.Newest = max(stats.Newest, v.last)
	}
	stats.Series = uint64(len(kinds))
	return stats
}

// Used returns the bytes that profiles take now.
func (s *Store) Used() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used()
}

// views are what readers look at: all volumes as they are now.
func (s *Store) views() []view {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]view, len(s.volumes))
	for i, v := range s.volumes {
		list[i] = v.parts
	}
	return list
}

// nameFrames names the frames of a view that have no function, and returns the bytes that this
// takes.
func nameFrames(v *view, resolve func(*model.Frame) bool) (bytes int64) {
	if resolve == nil {
		return 0
	}
	for i := range v.frames.len() {
		f := v.frame(uint32(i))
		if f.Function != "" || f.BuildID == "" || !resolve(&f) {
			continue
		}
		if v.named == nil {
			v.named = map[uint32]model.Frame{}
		}
		v.named[uint32(i)] = f
		bytes += (frameSize + slotIndex) * slotShare / 100
	}
	return bytes
}

// Sizes returns the bytes that the parts of a store's volumes take.
func Sizes(s *Store) map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	sizes := map[string]int64{}
	for _, v := range s.volumes {
		sizes["rows"] += int64(cap(v.rows))
		sizes["frames"] += v.framesSize()
		sizes["stacks"] += v.stacksSize()
		sizes["links"] += linkSize * int64(cap(v.links))
		sizes["origins"] += v.originsSize()
		sizes["profiles"] += v.entriesSize()
		sizes["texts"] += v.textsSize()
		if v.lookup != nil {
			sizes["lookups"] += v.lookup.size()
		}
	}
	return sizes
}
