// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package slo

import (
	"math"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// Automatic says how objectives are learned from the requests of operations that no
// objective is configured for.
type Automatic struct {
	Enabled bool
	// Alerts also reports it when the budget of a learned objective burns.
	Alerts bool
	// After is how long an operation is watched, MinRequests how many requests of it
	// must have come.
	After       time.Duration
	MinRequests int
	// MaxObjectives bounds how many are learned.
	MaxObjectives int
	Window        time.Duration
}

// AutomaticName is the name of learned objectives.
const AutomaticName = "automatic"

// baseline is what is known of an operation while it is watched.
type baseline struct {
	first, last   model.Nanos
	total, failed int
	durations     [latencyBuckets]int // of requests that did not fail
}

// Bounds of durations are half a power of two apart, from a tenth of a millisecond on.
const (
	latencyBuckets = 48
	leastLatency   = 100 * time.Microsecond
)

// looksEvery is how many requests come between looks at whether enough is known.
const looksEvery = 64

// add takes note of a request and reports whether it is time to look.
func (b *baseline) add(at model.Nanos, failed bool, took time.Duration) bool {
	if b.first == 0 || at < b.first {
		b.first = at
	}
	b.last = max(b.last, at)
	b.total++
	if failed {
		b.failed++
	} else {
		b.durations[latencyBucket(took)]++
	}
	return b.total%looksEvery == 0
}

func latencyBucket(took time.Duration) int {
	if took <= leastLatency {
		return 0
	}
	return min(int(math.Ceil(2*math.Log2(float64(took)/float64(leastLatency)))), latencyBuckets-1)
}

func latencyBound(bucket int) time.Duration {
	return time.Duration(float64(leastLatency) * math.Exp2(float64(bucket)/2))
}

// availability is the strictest of the usual targets that the operation met twice
// over.
func (b *baseline) availability() float64 {
	failed := float64(b.failed) / float64(b.total)
	for _, target := range []float64{0.999, 0.995, 0.99, 0.95, 0.9} {
		if 2*failed <= 1-target {
			return target
		}
	}
	return 0
}

// Of a learned objective for latency: the share that is to be fast, and how much
// slower than that share was counts as slow.
const (
	latencyTarget = 0.99
	latencySlack  = 1.5
)

// threshold is what the latency's target was met with, rounded so that people can
// read it.
func (b *baseline) threshold() time.Duration {
	good := b.total - b.failed
	seen := 0
	for i, n := range b.durations {
		if seen += n; n > 0 && float64(seen) >= latencyTarget*float64(good) {
			return readable(time.Duration(latencySlack * float64(latencyBound(i))))
		}
	}
	return 0
}

// readable rounds up to two digits.
func readable(d time.Duration) time.Duration {
	unit := time.Duration(math.Pow10(max(int(math.Log10(float64(d)))-1, 0)))
	return (d + unit - 1) / unit * unit
}

// automate makes objectives of what was learned, once that is enough.
func (t *Tracker) automate(of *service, op *operation, name string) {
	b, a := op.learned, &t.options.Automatic
	if b.total < a.MinRequests || time.Duration(b.last-b.first) < a.After {
		return
	}
	op.learned = nil
	base := Objective{Name: AutomaticName, Namespace: of.namespace, Service: of.name, Operation: name, Window: a.Window, Automatic: true}
	if target := b.availability(); target > 0 {
		base.Type, base.Target = Availability, target
		t.addAutomatic(op, base)
	}
	if threshold := b.threshold(); threshold > 0 {
		base.Type, base.Target, base.Threshold = Latency, latencyTarget, threshold
		t.addAutomatic(op, base)
	}
}

func (t *Tracker) addAutomatic(op *operation, o Objective) {
	learned := 0
	for _, s := range t.series {
		if s.Objective.Automatic {
			learned++
		}
	}
	if learned >= t.options.Automatic.MaxObjectives {
		t.refused++
		return
	}
	if s := t.seriesOf(o); s != nil {
		op.series = append(op.series, s)
	}
}

// automaticOf returns what was learned of an operation before a restart.
func (t *Tracker) automaticOf(of *service, name string) []*series {
	if !t.options.Automatic.Enabled || strings.HasSuffix(name, "*") {
		return nil
	}
	var list []*series
	for _, kind := range []Type{Availability, Latency} {
		o := Objective{Name: AutomaticName, Namespace: of.namespace, Service: of.name, Operation: name, Type: kind}
		if s := t.series[o.ID()]; s != nil && s.Objective.Automatic {
			list = append(list, s)
		}
	}
	return list
}
