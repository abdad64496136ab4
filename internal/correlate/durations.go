// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/lru"
)

const (
	// durationBuckets is the number of buckets, each a sixth wider than the one before; they cover 0.1 ms
	// to two minutes.
	durationBuckets = 92
	bucketWidth     = 0.1525
	leastDuration   = 0.1
)

// durations is a histogram on a logarithmic scale.
type durations struct {
	n       float32
	buckets [durationBuckets]float32
}

// add counts n requests of this duration.
func (d *durations) add(ms float64, n float32) {
	at := 0
	if ms > leastDuration {
		at = min(durationBuckets-1, 1+int(math.Log(ms/leastDuration)/bucketWidth))
	}
	d.n += n
	d.buckets[at] += n
}

func (d *durations) addAll(o *durations) {
	d.n += o.n
	for i, n := range o.buckets {
		d.buckets[i] += n
	}
}

// removeAll subtracts a histogram whose values are all in this one; nil subtracts nothing.
func (d *durations) removeAll(part *durations) {
	if part == nil {
		return
	}
	d.n = 0
	for i := range d.buckets {
		d.buckets[i] = max(0, d.buckets[i]-part.buckets[i])
		d.n += d.buckets[i]
	}
}

func (d *durations) decay(by float64) {
	d.n = 0
	for i := range d.buckets {
		d.buckets[i] *= float32(by)
		d.n += d.buckets[i]
	}
}

// quantile interpolates within a bucket; it returns 0 if there are fewer than minDurations values.
func (d *durations) quantile(q float64) float64 {
	if d.n < 1 {
		return 0
	}
	left := q * float64(d.n)
	for i, n := range d.buckets {
		if left > float64(n) || n == 0 {
			left -= float64(n)
			continue
		}
		return leastDuration * math.Exp(bucketWidth*(float64(i)-1+left/float64(n)))
	}
	return leastDuration * math.Exp(bucketWidth*(durationBuckets-1))
}

const (
	paceCost = 1320 // bytes of the durations of a route, with its names
	// minDurations is the least number of durations for a percentile.
	minDurations = 20
	// minRouteDurations is the least number for a route, because few of them are from the same minute.
	minRouteDurations = 50
	// slotsPerMinute is how many slots a histogram of recent durations covers.
	slotsPerMinute = 12
)

// pace holds how long requests take: separately for the recent two minutes, and for the baseline.
// Requests that an open incident affects never join the baseline.
type pace struct {
	base      durations
	minutes   [2]durations // of the current and the previous minute
	minute    int64
	slowAfter float64    // requests longer than this many ms are slow; 0 until it is known
	middle    float64    // median in ms
	during    *durations // requests since the first incident that affects them began, or nil
	calm      *durations // recent requests from before that incident began, or nil
}

// routeKey identifies requests of one operation that call the same operation first. A gateway often
// has a single operation for all requests, so their duration is judged by what they call first.
type routeKey struct {
	of    outcomeKey
	first string
}

// routes are how long the requests of operations take by where they go first.
type routes struct{ *lru.Table[routeKey, *pace] }

// of returns the durations of a route, or nil if requests of the operation have no routes.
func (r routes) of(o *outcomes, first string, slot int64) *pace {
	if first == "" {
		return nil
	}
	o.advance(slot)
	key := routeKey{o.key, first}
	if r.Get(key) == nil {
		r.Put(key, &pace{minute: slot / slotsPerMinute})
	}
	p := *r.Get(key)
	if p.turn(slot/slotsPerMinute, o) && p.base.n >= minRouteDurations {
		p.learnSlow(false)
	}
	return p
}

// turn starts a new minute, and reports whether it did. Durations from a minute in which incidents
// affect the operation do not join the baseline.
func (p *pace) turn(minute int64, of *outcomes) bool {
	steps := minute - p.minute
	if steps <= 0 {
		return false
	}
	for range min(steps, 2) {
		switch first := (p.minute - 1) * slotsPerMinute; {
		case !of.affected(first) && !of.affected(first+slotsPerMinute-1):
			p.base.decay(math.Exp2(-slotsPerMinute / float64(baseline.HalfLife)))
			p.base.addAll(&p.minutes[1])
		case p.during != nil:
			p.during.addAll(&p.minutes[1])
		}
		p.minutes[1], p.minutes[0] = p.minutes[0], durations{}
		p.minute++
	}
	p.minute = minute
	return true
}

// learnSlow sets slowAfter: more than nearly all requests of the baseline take, by a margin that
// matters. Until anything is old enough, all that is known serves as baseline.
func (p *pace) learnSlow(young bool) {
	from := p.base
	if from.n < minDurations && young {
		from.addAll(&p.minutes[1])
		from.addAll(&p.minutes[0])
	}
	if from.n < minDurations {
		return
	}
	p.middle = from.quantile(0.5)
	p.slowAfter = max(from.quantile(1-slowShare), p.longAfter())
}

// longAfter is the duration above which a request takes half as long again as the median.
func (p *pace) longAfter() float64 {
	return max(p.middle*math.Exp(leastRise), p.middle+leastMillis)
}

// percentile95 returns the 95th percentile in ms of the baseline, of recent requests, and of requests
// since the first incident that affects them began.
func (p *pace) percentile95() (before, now, since float64) {
	recent := p.recent()
	before, now = p.base.quantile(0.95), recent.quantile(0.95)
	recent.removeAll(p.calm)
	return before, now, recent.quantile(0.95)
}

// recent returns the durations of the last two minutes, and those since an incident began.
func (p *pace) recent() durations {
	recent := p.minutes[0]
	recent.addAll(&p.minutes[1])
	if p.during != nil {
		recent.addAll(p.during)
	}
	return recent
}

// beginIncident estimates which recent durations are of requests since the incident began (since of
// them, slow of which were slow): the slow ones are taken from the longest durations, the others
// evenly.
func (p *pace) beginIncident(since, slow float64) {
	calm := p.recent()
	slow = min(slow, since)
	for i := durationBuckets - 1; i >= 0 && slow > 0; i-- {
		taken := min(slow, float64(calm.buckets[i]))
		calm.buckets[i] -= float32(taken)
		slow, since = slow-taken, since-taken
	}
	left := 0.0
	for _, n := range calm.buckets {
		left += float64(n)
	}
	calm.decay(1 - min(1, since/max(left, 1)))
	p.during, p.calm = &durations{}, &calm
}
