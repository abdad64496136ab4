// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package hotspot

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
)

const (
	// width is the time that a bucket stands for, and buckets how many are kept: half an
	// hour.
	width   = model.Nanos(20e9)
	buckets = 90
	// longest bounds the duration of a profile, and how far from its time that of a sample may be.
	longest = time.Duration(buckets / 2 * width)
	// perBucket is how many functions are kept of a bucket that is over, the costliest;
	// the others count in its sums only. One that is filled has at most perOpen.
	perBucket, perOpen = 32, 512
	// maxNames is how many functions of a series have a name.
	maxNames = 512
	// maxText bounds the name of a function and of a file.
	maxText = 160

	// What a series, a bucket, and a function in a bucket and with its name take.
	seriesCost, bucketCost, entryCost, nameCost = 512, 192, 56, 160
)

// Function is a function of a program.
type Function struct{ Name, File string }

// key is what profiles are kept by.
type key struct{ service, kind string }

// Book is what is kept of profiles. It is bounded: the series that was not written for
// longest goes.
type Book struct {
	limit   int // bytes
	bytes   int
	series  map[key]*series
	evicted int // series
}

// New makes a book of at most so many bytes, but for what is noted of one series.
func New(bytes int) *Book { return &Book{limit: bytes, series: map[key]*series{}} }

// Evicted returns how many series were dropped to make room.
func (b *Book) Evicted() int { return b.evicted }

// Bytes returns about how many bytes are held.
func (b *Book) Bytes() int { return b.bytes }

// series is the functions of one service by one sample type.
type series struct {
	numbers map[Function]uint32
	names   []Function
	lines   []line
	list    []*bucket // the oldest first
	texts   int       // bytes of the names
	size    int       // as it was when it was counted last
	// generation changes when functions get other numbers.
	generation int
}

// measure estimates the bytes of a series.
func (s *series) measure() int {
	size := seriesCost + len(s.names)*nameCost + s.texts + len(s.list)*bucketCost
	for _, b := range s.list {
		size += len(b.costs) * entryCost
	}
	return size
}

// line is the line of a function that costs most, found by a majority vote.
type line struct{ at, votes int64 }

// bucket is what was observed in some time.
type bucket struct {
	number      int64
	first, last model.Nanos // extent of the profiles in it
	value       int64       // sum of all samples
	seen        int64       // observations
	profiled    time.Duration
	costs       map[uint32]cost
}

type cost struct{ value, seen int64 }

// Observe notes a profile of a service, unless it is too long to compare what is before an
// onset with what is after it.
func (b *Book) Observe(service string, p *model.Profile) {
	if p.Duration > longest || !measured(p.Type.Name) || p.Type.Name == alternative && b.series[key{service, preferred}] != nil {
		return
	}
	s := b.of(key{service, p.Type.Name})
	defer b.keepTo(s)
	dictionary := place{profile: p, numbers: map[uint32]uint32{}, generation: s.generation}
	end := p.Time + model.Nanos(max(p.Duration, 0))
	middle := p.Time + (end-p.Time)/2
	whole := s.at(middle)
	if whole != nil {
		whole.extend(p.Time, end)
		whole.profiled += max(p.Duration, 0)
	}
	for i := range p.Samples {
		sample := &p.Samples[i]
		number := dictionary.of(s, sample.Stack)
		if len(sample.Times) == 0 {
			for _, value := range sample.Values {
				whole.add(number, value, observations(&p.Type, value))
			}
			continue
		}
		for j, value := range sample.Values {
			if t := sample.Times[j]; within(t, p.Time) {
				at := s.at(t)
				at.extend(t, t)
				at.add(number, value, 1)
			}
		}
	}
}

// within reports whether the time of a sample may be of its profile. A later one would end
// what is kept of the series.
func within(t, profile model.Nanos) bool {
	return max(t, profile)-min(t, profile) <= model.Nanos(longest)
}

// observations is how often a profiler looked, to come to a value.
func observations(t *model.ProfileType, value int64) int64 {
	switch {
	case value <= 0:
		return 0
	case t.Unit == "count":
		return value
	case t.Period > 1 && t.Unit == t.PeriodUnit:
		return max(value/t.Period, 1)
	default:
		return 1
	}
}

func (b *Book) of(k key) *series {
	s := b.series[k]
	if s == nil {
		s = &series{numbers: map[Function]uint32{}}
		b.series[key{strings.Clone(k.service), strings.Clone(k.kind)}] = s
	}
	return s
}

// keepTo drops series other than the one that was written until the bound holds.
func (b *Book) keepTo(written *series) {
	size := written.measure()
	b.bytes += size - written.size
	written.size = size
	for b.bytes > b.limit && len(b.series) > 1 {
		oldest, least := key{}, int64(0)
		for k, s := range b.series {
			n := s.newest()
			if s != written && (oldest == (key{}) || n < least || n == least && (k.service < oldest.service || k.service == oldest.service && k.kind < oldest.kind)) {
				oldest, least = k, n
			}
		}
		b.bytes -= b.series[oldest].size
		delete(b.series, oldest)
		b.evicted++
	}
}

func (s *series) newest() int64 {
	if len(s.list) == 0 {
		return 0
	}
	return s.list[len(s.list)-1].number
}

// at returns the bucket of a time, nil if that is too long ago.
func (s *series) at(t model.Nanos) *bucket {
	number := int64(t / width)
	if n := s.newest(); len(s.list) > 0 && number <= n-buckets {
		return nil
	}
	i, found := slices.BinarySearchFunc(s.list, number, func(b *bucket, n int64) int { return cmp.Compare(b.number, n) })
	if found {
		return s.list[i]
	}
	fresh := &bucket{number: number, costs: map[uint32]cost{}}
	s.list = slices.Insert(s.list, i, fresh)
	for _, b := range s.list {
		if b != fresh {
			b.trim(perBucket)
		}
	}
	s.list = slices.DeleteFunc(s.list, func(b *bucket) bool { return b.number <= s.newest()-buckets })
	return fresh
}

func (b *bucket) extend(first, last model.Nanos) {
	if b == nil {
		return
	}
	if b.first == 0 || first < b.first {
		b.first = first
	}
	b.last = max(b.last, last)
}

func (b *bucket) add(number uint32, value, seen int64) {
	if b == nil || value <= 0 {
		return
	}
	b.value += value
	b.seen += seen
	if number == unnamed {
		return
	}
	c := b.costs[number]
	b.costs[number] = cost{c.value + value, c.seen + seen}
	if len(b.costs) > perOpen {
		b.trim(perOpen / 2)
	}
}

// trim keeps the costliest functions.
func (b *bucket) trim(most int) {
	if len(b.costs) <= most {
		return
	}
	numbers := make([]uint32, 0, len(b.costs))
	for number := range b.costs {
		numbers = append(numbers, number)
	}
	slices.SortFunc(numbers, func(x, y uint32) int {
		return cmp.Or(cmp.Compare(b.costs[y].value, b.costs[x].value), cmp.Compare(x, y))
	})
	for _, number := range numbers[most:] {
		delete(b.costs, number)
	}
}
