// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package bucket divides time into buckets, the unit in which the engine counts. It also keeps up to
// which time the records are complete.
package bucket

import (
	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
)

// Time is the engine's time, in buckets. It is the event time of the records.
type Time struct {
	width    model.Nanos // of a bucket
	Now      model.Nanos // up to here the records are complete
	Judged   int64       // the newest bucket that was judged
	earliest model.Nanos // time of the earliest record
	First    int64       // its bucket
	Late     uint64      // records whose time is not plausible
}

// New makes one for buckets of a width.
func New(width model.Nanos) *Time { return &Time{width: width} }

// Width is the width of a bucket, the unit in which the engine counts: half of Config.Window.
func (tl *Time) Width() model.Nanos { return tl.width }

// Of is the bucket of a time.
func (tl *Time) Of(t model.Nanos) int64 { return int64(t / tl.Width()) }

// Start is when a bucket begins.
func (tl *Time) Start(bucket int64) model.Nanos { return model.Nanos(max(bucket, 0)) * tl.Width() }

// Sees advances the engine's time, and reports whether the record's time is plausible.
func (tl *Time) Sees(t model.Nanos) bool {
	if t < MinTime || t > MaxTime {
		tl.Late++
		return false
	}
	if tl.earliest == 0 || t < tl.earliest {
		tl.earliest = t
		tl.First = tl.Of(t)
	}
	return true
}

// Times before the year 2000 and after the year 2200 come from clocks that were never set.
const (
	MinTime = 946684800_000_000_000
	MaxTime = 7258118400_000_000_000
)

// Counts are kept by bucket, so they only show in which bucket an anomaly began. FirstTimes keeps the
// exact time for each recent bucket.

// FirstTimes holds, for each recent bucket, when something occurred first.
type FirstTimes [baseline.Recent]model.Nanos

// NoteFirst records an occurrence.
func (tl *Time) NoteFirst(of *FirstTimes, t model.Nanos) {
	bucket := tl.Of(t)
	if at := &of[bucket%baseline.Recent]; tl.Of(*at) < bucket || tl.Of(*at) == bucket && t < *at {
		*at = t
	}
}

// FirstIn returns when it occurred first in a bucket, or the start of the bucket if that is not known.
func (tl *Time) FirstIn(of *FirstTimes, bucket int64) model.Nanos {
	if at := of[bucket%baseline.Recent]; tl.Of(at) == bucket {
		return at
	}
	return tl.Start(bucket)
}

// Seconds is the width of a bucket in seconds.
func (tl *Time) Seconds() float64 { return float64(tl.Width()) / 1e9 }

// onsetsApart is by how many buckets the onsets of two faults must differ to count as separate: it
// takes two buckets to complete and judge the spans of each.
const onsetsApart = 4

// Dated is the precision of onsets that are derived from spans or log lines.
func (tl *Time) Dated() model.Nanos { return onsetsApart * tl.Width() }

// Complete is the newest bucket whose traces are complete.
func (tl *Time) Complete(now model.Nanos) int64 {
	return tl.Of(now-min(now, tl.Width())) - 1
}
