// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"time"

	"github.com/tapio/tapio/internal/model"
)

// Senders batch, retry and queue: what happened a while ago arrives with what happens now.
// How long to wait is measured, by source, as the lag that 99 of 100 batches do not exceed.

const (
	// maxSources bounds the sources that are kept apart; those beyond are one.
	maxSources = 64
	// lagSeconds bounds the lag that is waited for; what comes later is counted as late.
	lagSeconds = int(maxLateness / time.Second)
	// minBatches is how many batches show what a source does: one of a hundred is not
	// known by fewer, but a source that always lags is.
	minBatches = 20
	lagRank    = 0.99
	// lagMemory is how many batches of a source count: what was worse once is forgotten.
	lagMemory = 2000
	// lagIdle is how long a source is waited for that sends nothing any more.
	lagIdle = 10 * time.Minute
)

// lags are how far behind the newest record the oldest of each batch was.
type lags struct {
	sources map[string]*lag
}

type lag struct {
	seconds [lagSeconds + 1]float32 // batches by seconds
	batches float32
	seen    time.Time
}

// see notes a batch of a source. What is from longer ago than can be waited for is a
// backfill, or of a clock that is wrong.
func (l *lags) see(source string, oldest, newest model.Nanos, now time.Time) {
	behind := int((newest - min(oldest, newest)) / model.Nanos(time.Second))
	if oldest == 0 || behind > lagSeconds {
		return
	}
	if l.sources == nil {
		l.sources = map[string]*lag{}
	}
	of := l.sources[source]
	if of == nil {
		if len(l.sources) >= maxSources {
			if source = ""; l.sources[source] == nil {
				l.forget(now)
			}
		}
		if of = l.sources[source]; of == nil {
			of = &lag{}
			l.sources[source] = of
		}
	}
	if of.batches >= lagMemory {
		of.batches /= 2
		for i := range of.seconds {
			of.seconds[i] /= 2
		}
	}
	of.seconds[behind]++
	of.batches++
	of.seen = now
}

// forget makes room: a source that sends nothing any more goes, else any.
func (l *lags) forget(now time.Time) {
	for source, of := range l.sources {
		if now.Sub(of.seen) > lagIdle {
			delete(l.sources, source)
			return
		}
	}
	for source := range l.sources {
		delete(l.sources, source)
		return
	}
}

// longest is the lag of the source that lags most, at least so much.
func (l *lags) longest(least model.Nanos, now time.Time) model.Nanos {
	most := least
	for _, of := range l.sources {
		if of.batches < minBatches || now.Sub(of.seen) > lagIdle {
			continue
		}
		left := of.batches * (1 - lagRank)
		at := lagSeconds
		for ; at > 0 && left >= of.seconds[at]; at-- {
			left -= of.seconds[at]
		}
		most = max(most, model.Nanos(at+1)*model.Nanos(time.Second))
	}
	return min(most, max(least, model.Nanos(maxLateness)))
}
