// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package eventtime corrects times that cannot be right, of devices without a clock
// or in the wrong unit: one record of the year 1970 or 2554 would otherwise be the
// first of every list, and the oldest of the store, for as long as it is kept.
//
// A record whose time lies before the year 2000, or more than Ahead after its
// arrival, is moved to its arrival. Records of a batch keep their distances, and
// the time that was sent stays as an attribute.
package eventtime

import (
	"slices"
	"strconv"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// The attributes under which the times that were sent are kept, as RFC 3339.
const (
	OriginalKey    = semconv.TimeOriginal
	OriginalEndKey = semconv.TimeOriginalEnd // of a span of which only the end is implausible
)

// Ahead is how far a time may lie after the arrival: clocks that are a day ahead, or
// in another time zone, are left to their owners.
const Ahead = 48 * time.Hour

// earliest is the year 2000: telemetry that is replayed is younger.
const earliest = model.Nanos(946_684_800 * 1e9)

// Corrector moves the records of one batch.
type Corrector struct {
	arrival model.Nanos
	latest  model.Nanos
	past    model.Nanos // the newest of the times before earliest
	future  model.Nanos // the newest of the times behind latest
	found   int
}

// New makes a corrector of a batch that arrives now.
func New(now time.Time) Corrector {
	return Corrector{arrival: model.Nanos(now.UnixNano()), latest: model.Nanos(now.Add(Ahead).UnixNano())}
}

// implausible reports whether a time cannot be right. A record without a time has none
// that could be wrong, but is none of 1970 either.
func (c *Corrector) implausible(t model.Nanos) bool { return t < earliest || t > c.latest }

func (c *Corrector) note(t model.Nanos) {
	switch {
	case t < earliest:
		c.past = max(c.past, t)
		c.found++
	case t > c.latest:
		c.future = max(c.future, t)
		c.found++
	}
}

// moved returns what an implausible time becomes: the newest of its batch that of the
// arrival, the others as long before it as they were sent.
func (c *Corrector) moved(t model.Nanos) model.Nanos {
	newest := c.past
	if t > c.latest {
		newest = c.future
	}
	before := newest - t
	if before > c.arrival || c.implausible(c.arrival-before) {
		return c.arrival
	}
	return c.arrival - before
}

// Events corrects log records and returns how many. One that was observed at a
// plausible time moves there.
func (c *Corrector) Events(events []model.Event) int {
	for i := range events {
		c.note(events[i].When())
	}
	if c.found == 0 {
		return 0
	}
	for i := range events {
		e := &events[i]
		when := e.When()
		switch {
		case !c.implausible(when):
			continue
		case e.Time == 0:
			e.ObservedTime = c.moved(when)
		case c.implausible(e.ObservedTime):
			e.Time = c.moved(when)
		default:
			e.Time = e.ObservedTime
		}
		e.Attributes = withTime(e.Attributes, OriginalKey, when)
	}
	return c.found
}

// Spans corrects spans, with their events, and returns how many. A span keeps its
// duration.
func (c *Corrector) Spans(spans []model.Span) int {
	ends := 0
	for i := range spans {
		if s := &spans[i]; c.implausible(s.Start) {
			c.note(c.last(s))
		} else if s.End > c.latest {
			ends++
		}
	}
	if c.found+ends == 0 {
		return 0
	}
	for i := range spans {
		c.span(&spans[i])
	}
	return c.found + ends
}

// last is the end of a span that begins at an implausible time, or its start where the
// end is wrong in another way.
func (c *Corrector) last(s *model.Span) model.Nanos {
	if s.End > s.Start && (s.Start < earliest) == (s.End < earliest) {
		return s.End
	}
	return s.Start
}

func (c *Corrector) span(s *model.Span) {
	start, end := s.Start, s.End
	switch {
	case c.implausible(start) && end >= earliest && end <= c.latest: // only its start is lost
		s.Start = end
	case c.implausible(start):
		last := c.last(s)
		s.End = c.moved(last)
		s.Start = s.End - min(last-start, s.End-earliest)
		for i := range s.Events {
			s.Events[i].Time = s.Start + min(max(s.Events[i].Time, start)-start, s.End-s.Start)
		}
	case end > c.latest:
		s.End = max(start, c.arrival)
		s.Attributes = withTime(s.Attributes, OriginalEndKey, end)
		return
	default:
		return
	}
	s.Attributes = withTime(s.Attributes, OriginalKey, start)
}

// Points corrects metric points and returns how many. They get no attribute, which
// would make another series of theirs.
func (c *Corrector) Points(points []model.PackedPoint) int {
	for i := range points {
		c.note(points[i].Time)
	}
	if c.found == 0 {
		return 0
	}
	for i := range points {
		p := &points[i]
		if !c.implausible(p.Time) {
			continue
		}
		at := c.moved(p.Time)
		if p.Start != 0 && p.Start <= p.Time {
			p.Start = at - min(p.Time-p.Start, at)
		}
		p.Time = at
	}
	return c.found
}

// withTime adds a time to attributes that others may share.
func withTime(attributes model.Attributes, key string, t model.Nanos) model.Attributes {
	return append(slices.Clip(attributes), model.KeyValue{Key: key, Value: model.StringValue(format(t))})
}

// format writes a time as RFC 3339, one that Go has no time for in seconds.
func format(t model.Nanos) string {
	seconds, nanos := int64(t/1e9), int64(t%1e9)
	if at := time.Unix(seconds, nanos).UTC(); at.Year() < 10_000 {
		return at.Format(time.RFC3339Nano)
	}
	return strconv.FormatInt(seconds, 10)
}
