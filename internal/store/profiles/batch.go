// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

const (
	// partsOfVolume is how many parts of a profile, of the size at which one is cut, fill
	// a volume.
	partsOfVolume = 8
	// batchBytes is about the most that a batch takes, unless it is one profile.
	batchBytes = 4 << 20

	// What a sample takes at most, about: itself, each of its numbers, and each frame of
	// a stack that no sample before has.
	sampleCost, numberCost, frameCost = 16, 5, 64
)

// Batch is profiles that are stored together. Each part has a sequence of its own.
type Batch struct{ parts []part }

// Len returns the number of sequences that the batch takes.
func (b *Batch) Len() int { return len(b.parts) }

// part is a profile, or some samples of one that is larger than what is stored in one
// piece.
type part struct {
	model.Profile
	back uint64 // how many parts of the same profile are before it
}

// Prepare cuts profiles into parts that fit a volume and returns them in batches, and how
// many samples are refused because they are too large.
func (s *Store) Prepare(profiles []model.Profile) (batches []Batch, refused int) {
	s.mu.Lock()
	bytes, most := s.bytes, s.volumeBytes()/partsOfVolume
	s.mu.Unlock()
	c := cutter{most: most}
	var batch Batch
	cost := int64(0)
	for i := range profiles {
		p := &profiles[i]
		if bytes <= 0 || p.Resource.Attributes.Size() > maxAttributeBytes || p.Scope.Attributes.Size() > maxAttributeBytes ||
			p.Attributes.Size() > maxAttributeBytes {
			refused += observations(p)
			continue
		}
		if cost > batchBytes {
			batches = append(batches, batch)
			batch, cost = Batch{}, 0
		}
		parts, tooLarge := c.cut(p)
		refused += tooLarge
		batch.parts = append(batch.parts, parts...)
		cost += c.whole
	}
	if len(batch.parts) > 0 {
		batches = append(batches, batch)
	}
	s.mu.Lock()
	s.refused[model.ProfileTooLarge] += uint64(refused)
	s.mu.Unlock()
	return batches, refused
}

func observations(p *model.Profile) (n int) {
	for i := range p.Samples {
		n += len(p.Samples[i].Values)
	}
	return n
}

// cutter cuts profiles into parts.
type cutter struct {
	most  int64 // cost of a part
	whole int64 // cost of the latest profile
	id    model.ProfileID

	dictionary *model.ProfileDictionary
	stacks     []uint32 // the part that has the stack already
	sets       []uint32
	number     uint32 // of the part
}

// cut returns the parts of a profile, its samples in the order of their times.
func (c *cutter) cut(p *model.Profile) (parts []part, refused int) {
	if p.Dictionary != c.dictionary {
		c.dictionary, c.number = p.Dictionary, 0
		c.stacks, c.sets = make([]uint32, len(p.Dictionary.Stacks)), make([]uint32, len(p.Dictionary.Sets))
	}
	samples := make([]model.ProfileSample, 0, len(p.Samples))
	for i := range p.Samples {
		if set := p.Samples[i].Set; set != model.NoSet && p.Dictionary.Sets[set].Size() > maxAttributeBytes {
			refused += len(p.Samples[i].Values)
			continue
		}
		samples = appendBounded(samples, p.Samples[i])
	}
	if len(samples) == 0 && len(p.Samples) > 0 {
		return nil, refused
	}
	samples = byTime(samples)
	next := *p
	if next.ID == (model.ProfileID{}) {
		next.ID = c.newID()
	}
	c.whole = 0
	from, cost := 0, int64(0)
	c.number++
	for i := range samples {
		if cost > c.most {
			next.Samples = samples[from:i:i]
			parts = append(parts, part{next, uint64(len(parts))})
			from, cost = i, 0
			c.number++
		}
		more := c.cost(&samples[i])
		cost += more
		c.whole += more
	}
	next.Samples = samples[from:]
	return append(parts, part{next, uint64(len(parts))}), refused
}

// newID returns one behind the one before, which takes no room in a volume.
func (c *cutter) newID() model.ProfileID {
	if c.id == (model.ProfileID{}) {
		binary.BigEndian.PutUint64(c.id[:8], rand.Uint64())
		binary.BigEndian.PutUint64(c.id[8:], rand.Uint64())
	}
	c.id = next(c.id)
	return c.id
}

// byTime returns the samples in the order of their first time, those without one first.
func byTime(samples []model.ProfileSample) []model.ProfileSample {
	type place struct {
		at model.Nanos
		i  int
	}
	places := make([]place, len(samples))
	for i := range samples {
		places[i].i = i
		if len(samples[i].Times) > 0 {
			places[i].at = samples[i].Times[0]
		}
	}
	order := func(a, b place) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.i, b.i)) }
	if slices.IsSortedFunc(places, order) {
		return samples
	}
	slices.SortFunc(places, order)
	sorted := make([]model.ProfileSample, len(samples))
	for i, p := range places {
		sorted[i] = samples[p.i]
	}
	return sorted
}

// appendBounded appends a sample, cut into several if it has more than maxValues.
func appendBounded(samples []model.ProfileSample, s model.ProfileSample) []model.ProfileSample {
	for len(s.Values) > maxValues {
		head := s
		head.Values, s.Values = s.Values[:maxValues], s.Values[maxValues:]
		if len(s.Times) > 0 {
			head.Times, s.Times = s.Times[:maxValues], s.Times[maxValues:]
		}
		samples = append(samples, head)
	}
	return append(samples, s)
}

// cost estimates what a sample takes.
func (c *cutter) cost(s *model.ProfileSample) int64 {
	cost := sampleCost + numberCost*int64(len(s.Values)+len(s.Times))
	if c.stacks[s.Stack] != c.number {
		c.stacks[s.Stack] = c.number
		cost += frameCost * int64(len(c.dictionary.Stacks[s.Stack]))
	}
	if s.Set != model.NoSet && c.sets[s.Set] != c.number {
		c.sets[s.Set] = c.number
		cost += int64(c.dictionary.Sets[s.Set].Size())
	}
	return cost
}
