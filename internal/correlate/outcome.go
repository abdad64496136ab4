// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/lru"
	"github.com/tapio/tapio/internal/model"
)

const (
	outcomeCost = 3568 // bytes of the outcomes of an operation with its histograms
	// slowShare is the share of requests that are slow in the baseline by definition: those beyond the
	// 99th percentile.
	slowShare = 0.01
	// longShare is the least share of requests in the baseline that take half as long again as the
	// median.
	longShare = 0.05
)

// requestKind is how a request is counted.
type requestKind uint8

const (
	requestServed requestKind = iota // a request of another service, by its server
	requestEntry                     // a request from outside: its caller sends no telemetry
	requestCall                      // a call, by its caller
)

// outcomeKey identifies requests that are counted together: those of an operation, or the calls from
// one service to another.
type outcomeKey struct {
	kind    requestKind
	service string // the service that serves, or calls
	what    string // the operation, or the callee
}

// outcome counts requests. A request that failed is not counted as slow, too.
type outcome struct {
	n, failed, slow float32
	scaled          float32 // n, scaled up by adjusted counts
	// long is how many of timed took half as long again as the median; timed counts those whose median is
	// known.
	long, timed float32
}

func (o *outcome) add(other outcome) {
	o.n += other.n
	o.failed += other.failed
	o.slow += other.slow
	o.scaled += other.scaled
	o.long += other.long
	o.timed += other.timed
}

// byMedian returns the outcome with long requests in place of slow ones.
func (o outcome) byMedian() outcome {
	if o.n > 0 {
		o.scaled *= (o.timed + o.failed) / o.n
	}
	o.n, o.slow = o.timed+o.failed, o.long
	return o
}

func (o outcome) hit() float64 { return float64(o.failed + o.slow) }

// outcomes counts how requests of one key ended: recent buckets individually, older ones in the
// baseline. Requests that an open incident affects never join the baseline.
type outcomes struct {
	key    outcomeKey
	head   int64 // the newest bucket
	recent [baseline.Recent]outcome
	old    outcome // decays by half in an hour

	pace
	hits bucket.FirstTimes
	well int // unaffected requests in a row
	// since is the bucket from which on incidents affect it, 0 for none; until is the last one, 0 while
	// any of them is open.
	since, until int64
	holders      int
	every        int64  // buckets between two points of the metric that counts the requests
	metric       string // name of the metric that counts them, "" for spans
	timed        bool   // that metric has durations
	metricLast   model.Nanos
}

// countedFor is for how long the metric that counts requests may be silent until another one replaces
// it.
const countedFor = 600 * model.Nanos(1e9)

// countedBy reports whether a series belongs to the metric that counts the requests.
func (o *outcomes) countedBy(s *series, now model.Nanos) bool {
	if o.metric != s.name && o.metric != "" && o.metricLast+countedFor > now && (o.timed || !s.red.Timed) {
		return false // a histogram replaces a counter, not the reverse
	}
	o.metric, o.metricLast, o.timed = s.name, max(o.metricLast, s.last), s.red.Timed
	return true
}

// observe counts a request, and reports whether it failed or was slow. Slow is relative to the
// requests of its route, if enough of those are known, else to all of the operation. route may be nil.
func (o *outcomes) observe(slot int64, route *pace, failed bool, took model.Nanos, stands float32) (hit bool) {
	return o.observeAll(slot, route, failed, took, 1, stands)
}

// observeAll counts n equal requests.
func (o *outcomes) observeAll(slot int64, route *pace, failed bool, took model.Nanos, n, stands float32) (hit bool) {
	o.advance(slot)
	if slot <= o.head-baseline.Recent {
		return false
	}
	ms := float64(took) / 1e6
	at := &o.recent[slot%baseline.Recent]
	at.n += n
	at.scaled += stands
	by := &o.pace
	if route != nil && route.slowAfter > 0 {
		by = route
	}
	slow := by.slowAfter > 0 && ms > by.slowAfter && took != untimed
	switch {
	case failed:
		at.failed += n
	case took == untimed:
	case by.slowAfter > 0:
		at.timed += n
		if slow {
			at.slow += n
		}
		if ms > by.longAfter() {
			at.long += n
		}
	}
	if !failed && took != untimed {
		o.minutes[0].add(ms, n)
		if route != nil {
			route.minutes[0].add(ms, n)
		}
	}
	if hit = failed || slow; !hit {
		o.well += int(n)
	}
	return hit
}

// advance makes the slot the newest, if it is newer.
func (o *outcomes) advance(slot int64) {
	if o.head == 0 {
		o.head, o.minute = slot, slot/slotsPerMinute
		return
	}
	steps := slot - o.head
	if steps <= 0 {
		return
	}
	for i := range min(steps, baseline.Recent) {
		past := o.head + 1 + i - baseline.Recent
		place := (o.head + 1 + i) % baseline.Recent
		if !o.affected(past) {
			o.old.add(o.recent[place])
		}
		o.recent[place] = outcome{}
	}
	o.old.decay(math.Exp2(-float64(steps) / baseline.HalfLife))
	o.head = slot
	if o.turn(slot/slotsPerMinute, o) || o.slowAfter == 0 {
		o.learnSlow(o.since == 0)
	}
	if o.until != 0 && slot-baseline.Recent > o.until {
		o.since, o.until = 0, 0
	}
}

// affected reports whether an incident affects it in a bucket.
func (o *outcomes) affected(slot int64) bool {
	return o.since != 0 && slot >= o.since && (o.until == 0 || slot <= o.until)
}

func (o *outcome) decay(by float64) {
	keep := float32(by)
	o.n, o.failed, o.slow, o.scaled = o.n*keep, o.failed*keep, o.slow*keep, o.scaled*keep
	o.long, o.timed = o.long*keep, o.timed*keep
}

// at returns a recent slot.
func (o *outcomes) at(slot int64) outcome {
	if slot > o.head || slot <= o.head-baseline.Recent || slot < 0 {
		return outcome{}
	}
	return o.recent[slot%baseline.Recent]
}

// between sums up the recent buckets from first to last.
func (o *outcomes) between(first, last int64) outcome {
	var sum outcome
	for slot := max(first, o.head-baseline.Recent+1); slot <= min(last, o.head); slot++ {
		sum.add(o.at(slot))
	}
	return sum
}

// norms are shares of requests in the baseline.
type norms struct{ failed, slow, long float64 }

// byMedian returns the norms for outcomes by median.
func (b norms) byMedian() norms {
	b.slow = b.long
	return b
}

// usual returns the shares of failed, slow and long requests before a bucket.
func (o *outcomes) usual(before int64) norms {
	sum := o.old
	sum.add(o.between(0, before-1))
	// One more request of each kind than was seen: few requests without a failure prove little.
	n := float64(sum.n) + 1
	return norms{
		failed: min(0.99, max(leastFailed, float64(sum.failed)/n)),
		slow:   min(0.99, max(slowShare, float64(sum.slow)/n)),
		long:   min(0.99, max(longShare, float64(sum.long+1)/float64(sum.timed+1))),
	}
}

// failedBefore is the measured share of failed requests before a bucket.
func (o *outcomes) failedBefore(slot int64) float64 {
	sum := o.old
	sum.add(o.between(0, slot-1))
	return baseline.Share(sum.failed, sum.n)
}

// leastFailed is the assumed share of failures where none are known: rare failures may not have
// occurred yet.
const leastFailed = 0.001

// begin records that one more incident affects it from a bucket on.
func (o *outcomes) begin(slot int64) {
	if o.since == 0 || slot < o.since {
		o.since = slot
	}
	o.until = 0
	o.holders++
	if o.during == nil {
		at := o.between(slot, o.head)
		o.beginIncident(float64(at.n-at.failed), float64(max(at.slow, at.long)))
	}
}

// end records that one of the incidents no longer affects it.
func (o *outcomes) end(slot int64) {
	if o.holders--; o.holders <= 0 {
		o.holders, o.until, o.during, o.calm = 0, slot, nil, nil
	}
}

// isSlow reports whether a request to a service took longer than nearly all of the baseline.
func isSlow(known *lru.Table[outcomeKey, *outcomes], service string, s *model.Span) bool {
	if s.Kind != kindServer && s.Kind != kindConsumer {
		return false
	}
	ms := float64(s.End-min(s.Start, s.End)) / 1e6
	for _, kind := range [...]requestKind{requestEntry, requestServed} {
		held := known.Peek(outcomeKey{kind, service, bound.Name(s.Name)})
		if held != nil && (*held).slowAfter > 0 && ms > (*held).slowAfter {
			return true
		}
	}
	return false
}
