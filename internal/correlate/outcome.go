// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math"

	"github.com/tapio/tapio/internal/model"
)

const (
	outcomeCost = 2864 // bytes of the outcomes of an operation with its histograms
	// minDurations is how many durations a percentile needs.
	minDurations = 20
	// slowShare is the share of requests that are slow by definition while nothing
	// is wrong: those beyond the 99th percentile.
	slowShare = 0.01
	// slotsPerMinute is how many slots a histogram of recent durations covers.
	slotsPerMinute = 12
)

// requestKind says how a request is counted.
type requestKind uint8

const (
	requestServed requestKind = iota // a request that another service makes
	requestEntry                     // a request from outside: its caller sends no telemetry
	requestCall                      // a call as its caller sees it
)

// outcomeKey names the requests that are counted together: those of an operation,
// or the calls from one service to another.
type outcomeKey struct {
	kind    requestKind
	service string // that serves, or calls
	what    string // the operation, or the callee
}

// outcome counts requests. Those that fail are not slow as well.
type outcome struct {
	n, failed, slow float32
	scaled          float32 // n with the requests that sampled ones stand for
}

func (o *outcome) add(other outcome) {
	o.n += other.n
	o.failed += other.failed
	o.slow += other.slow
	o.scaled += other.scaled
}

func (o outcome) hit() float64 { return float64(o.failed + o.slow) }

// outcomes is how requests of one kind ended over time: recent slots apart, what is
// older in the baseline. What an open incident affects never joins the baseline.
type outcomes struct {
	key    outcomeKey
	head   int64 // the newest slot
	recent [recentSlots]outcome
	old    outcome // decays by half in an hour

	base      durations
	minutes   [2]durations // of this minute and of the one before
	minute    int64
	slowAfter float64 // a longer duration is slow; 0 while that is not known
	middle    float64 // ms that half of the requests take at most
	hits      firstTimes
	well      int // requests in a row that were not affected
	// since is the slot from which on incidents affect it, 0 for none; until is the
	// last one, 0 while holders of them go on; during is how long requests take
	// meanwhile.
	since, until int64
	holders      int
	during       *durations
}

// observe counts a request, and reports whether it failed or was slow.
func (o *outcomes) observe(slot int64, failed bool, took model.Nanos, stands float32) (hit bool) {
	return o.observeAll(slot, failed, took, 1, stands)
}

// observeAll counts n requests that are alike.
func (o *outcomes) observeAll(slot int64, failed bool, took model.Nanos, n, stands float32) (hit bool) {
	o.advance(slot)
	if slot <= o.head-recentSlots {
		return false
	}
	ms := float64(took) / 1e6
	at := &o.recent[slot%recentSlots]
	at.n += n
	at.scaled += stands
	switch {
	case failed:
		at.failed += n
	case o.slowAfter > 0 && ms > o.slowAfter:
		at.slow += n
	}
	if !failed {
		o.minutes[0].add(ms, n)
	}
	if hit = failed || o.slowAfter > 0 && ms > o.slowAfter; !hit {
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
	for i := range min(steps, recentSlots) {
		past := o.head + 1 + i - recentSlots
		place := (o.head + 1 + i) % recentSlots
		if !o.affected(past) {
			o.old.add(o.recent[place])
		}
		o.recent[place] = outcome{}
	}
	o.old.decay(math.Exp2(-float64(steps) / halfLifeSlots))
	o.head = slot
	o.turn(slot / slotsPerMinute)
	if o.until != 0 && slot-recentSlots > o.until {
		o.since, o.until = 0, 0
	}
}

// affected reports whether an incident affects it in a slot.
func (o *outcomes) affected(slot int64) bool {
	return o.since != 0 && slot >= o.since && (o.until == 0 || slot <= o.until)
}

func (o *outcome) decay(by float64) {
	keep := float32(by)
	o.n, o.failed, o.slow, o.scaled = o.n*keep, o.failed*keep, o.slow*keep, o.scaled*keep
}

// turn begins a new minute of durations.
func (o *outcomes) turn(minute int64) {
	steps := minute - o.minute
	if steps <= 0 {
		return
	}
	for range min(steps, 2) {
		switch first := (o.minute - 1) * slotsPerMinute; {
		case !o.affected(first) && !o.affected(first+slotsPerMinute-1):
			o.base.decay(math.Exp2(-slotsPerMinute / float64(halfLifeSlots)))
			o.base.addAll(&o.minutes[1])
		case o.during != nil:
			o.during.addAll(&o.minutes[1])
		}
		o.minutes[1], o.minutes[0] = o.minutes[0], durations{}
		o.minute++
	}
	o.minute = minute
	o.learnSlow()
}

// learnSlow finds what is slow: longer than nearly all requests of the baseline, and
// by so much that it matters.
func (o *outcomes) learnSlow() {
	from := &o.base
	if from.n < minDurations && o.since == 0 {
		from = &o.minutes[1]
	}
	if from.n < minDurations {
		return
	}
	o.middle = from.quantile(0.5)
	o.slowAfter = max(from.quantile(1-slowShare), o.middle*math.Exp(leastRise), o.middle+leastMillis)
}

// at returns a recent slot.
func (o *outcomes) at(slot int64) outcome {
	if slot > o.head || slot <= o.head-recentSlots || slot < 0 {
		return outcome{}
	}
	return o.recent[slot%recentSlots]
}

// between sums the recent slots from first to last.
func (o *outcomes) between(first, last int64) outcome {
	var sum outcome
	for slot := max(first, o.head-recentSlots+1); slot <= min(last, o.head); slot++ {
		sum.add(o.at(slot))
	}
	return sum
}

// usual is the share of requests that fail, and that are slow, before a slot.
func (o *outcomes) usual(before int64) (failed, slow float64) {
	sum := o.old
	sum.add(o.between(0, before-1))
	// A request more of each kind than was seen: a baseline of none knows little.
	n := float64(sum.n) + 1
	failed = max(leastFailed, float64(sum.failed)/n)
	slow = max(slowShare, float64(sum.slow)/n)
	return min(failed, 0.99), min(slow, 0.99)
}

// failedBefore is the share of requests that failed before a slot, as it was measured.
func (o *outcomes) failedBefore(slot int64) float64 {
	sum := o.old
	sum.add(o.between(0, slot-1))
	return share(sum.failed, sum.n)
}

// leastFailed is the share of requests that fail where none is known to: of rare
// failures not all were seen.
const leastFailed = 0.001

// begin notes that one more incident affects it from a slot on.
func (o *outcomes) begin(slot int64) {
	if o.since == 0 || slot < o.since {
		o.since = slot
	}
	o.until = 0
	o.holders++
	if o.during == nil {
		o.during = &durations{}
	}
}

// end notes that one of them affects it no longer.
func (o *outcomes) end(slot int64) {
	if o.holders--; o.holders <= 0 {
		o.holders, o.until, o.during = 0, slot, nil
	}
}

// percentile95 is that of the baseline, and that of recent requests, in ms.
func (o *outcomes) percentile95() (before, now float64) {
	recent := o.minutes[0]
	recent.addAll(&o.minutes[1])
	if o.during != nil {
		recent.addAll(o.during)
	}
	return o.base.quantile(0.95), recent.quantile(0.95)
}

// isSlow reports whether a request to a service took longer than nearly all of the baseline.
func isSlow(known *lru[outcomeKey, *outcomes], service string, s *model.Span) bool {
	if s.Kind != kindServer && s.Kind != kindConsumer {
		return false
	}
	ms := float64(s.End-min(s.Start, s.End)) / 1e6
	for _, kind := range [...]requestKind{requestEntry, requestServed} {
		held := known.peek(outcomeKey{kind, service, short(s.Name)})
		if held != nil && (*held).slowAfter > 0 && ms > (*held).slowAfter {
			return true
		}
	}
	return false
}
