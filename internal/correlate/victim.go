// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

const (
	// minHitRequests is how many requests must fail or be slow beyond the baseline
	// before anyone counts as affected: one may be chance, two a retry of it.
	minHitRequests = 3
	// minHitShare is the least share of the requests of an operation that matters.
	minHitShare = 0.01
	// minSlowShare is that of slow ones, of which there always are some.
	minSlowShare = 0.03
	// minLongShare is that of requests that take half as long again as half of them did.
	minLongShare = 0.15
	// healthy is the logarithm of the likelihood ratio at which requests count as
	// being as before: twenty to one.
	healthy = 3
	// better is that at which they count as recovering.
	better = 1
	// maxVictims bounds what an incident counts requests of.
	maxVictims = 64
	// peakSlots is the stretch over which the peak is measured: half a minute.
	peakSlots = 6
	// idleSlots is after how many slots without a request nothing is known: a minute.
	idleSlots = 12
	// calmSlots is how long no request may be affected where few come: a minute.
	calmSlots = 12
)

// victim is what an incident affects, with its requests since then.
type victim struct {
	key             outcomeKey
	since, upto     int64       // slots counted
	total           outcome     // until the last affected request
	pending, window outcome     // since then, and of the last half minute
	norms           norms       // shares before
	median          bool        // it is judged by what takes long, not by what takes longest
	knownFailed     float64     // share that failed before as it was measured, without a least one
	well            float64     // logarithm of the likelihood that it is as before against affected still
	wellSince       int64       // the slot at which that began to rise
	busy            int64       // the newest slot with a request
	every           int64       // slots between two points of the metric that counts them
	first           model.Nanos // when the first request was affected
	before95, now95 float64
	since95         float64 // of the requests since the incident began
	recovered       bool
	inner           bool // services call it: its users see what those answer
}

// excess is what failed and what was slow beyond the baseline.
func (v *victim) excess() (failed, slow float64) {
	return excessOf(v.total, v.norms)
}

// excessOf is what failed and what was slow beyond the norms. Of those that a fault slows down,
// some would have been slow anyway.
func excessOf(o outcome, by norms) (failed, slow float64) {
	failed = max(0, float64(o.failed)-by.failed*float64(o.n))
	slow = max(0, float64(o.slow)-by.slow*float64(o.n-o.failed)) / (1 - by.slow)
	return failed, slow
}

// scale is how many requests each that was seen stands for.
func (o outcome) scale() float64 {
	if o.n <= 0 {
		return 1
	}
	return max(1, float64(o.scaled)/float64(o.n))
}

// hurt reports whether requests fail or are slow beyond what the norms explain.
func hurt(o outcome, by norms) bool {
	failed, slow := excessOf(o, by)
	n := float64(o.n)
	return failed+slow >= minHitRequests-0.5 && (failed >= minHitShare*n && surplus(float64(o.failed), n, by.failed) >= hintStrength ||
		slow >= minSlowShare*n && surplus(float64(o.slow), n, by.slow) >= hintStrength)
}

// longer reports whether half of the requests of the slots take half as long again as they
// did, or so many that it is certain. Requests of one slot delay each other: they are no
// independent observations.
func longer(o outcome, by norms, slots int64) bool {
	o, by = o.byMedian(), by.byMedian()
	n := float64(o.n)
	if n == 0 {
		return false
	}
	_, slow := excessOf(o, by)
	known := min(n, slotWorth*float64(slots))
	return slow >= minHitRequests && slow >= minLongShare*n && surplus(float64(o.slow)/n*known, known, by.slow) >= hintStrength
}

// surplus is twice the logarithm of the likelihood ratio of a share against the usual
// one, 0 where there is no more than usual.
func surplus(k, n, usual float64) float64 {
	if n <= 0 || k/n <= usual {
		return 0
	}
	ratio := k * math.Log(k/n/usual)
	if k < n {
		ratio += (n - k) * math.Log((1-k/n)/(1-usual))
	}
	return 2 * ratio
}

// count adds the slots up to and including the newest that is complete, and weighs
// whether requests are as before again.
func (v *victim) count(o *outcomes, newest int64) {
	for slot := max(v.upto+1, newest-recentSlots+1); slot <= newest; slot++ {
		at := v.seen(o.at(slot))
		v.pending.add(at)
		if at.n > 0 {
			v.busy = slot
		}
		v.weigh(at, slot)
	}
	v.upto, v.every = max(v.upto, newest), o.every
	v.window = v.seen(o.between(newest-max(peakSlots, v.every)+1, newest))
	if !v.recovered {
		v.before95, v.now95, v.since95 = o.percentile95()
	}
}

// seen is an outcome as the victim is judged.
func (v *victim) seen(o outcome) outcome {
	if v.median {
		return o.byMedian()
	}
	return o
}

// weigh is a cumulative sum (Page, 1954) of the likelihood that the requests of a
// slot are as before, against a quarter of the excess until now: what one of four
// replicas still does is no recovery.
func (v *victim) weigh(at outcome, slot int64) {
	failed, slow := v.excess()
	usual := min(0.9, v.norms.failed+v.norms.slow)
	still := min(0.99, usual+max(0.02, (failed+slow)/max(1, float64(v.total.n))/4))
	hit := min(at.hit(), float64(at.n))
	v.well += hit*math.Log(usual/still) + (float64(at.n)-hit)*math.Log((1-usual)/(1-still))
	if v.well <= 0 || v.wellSince == 0 {
		v.well, v.wellSince = 0, slot
		v.total.add(v.pending)
		v.pending = outcome{}
	}
	// Long health must not hide that it is affected again.
	v.well = min(v.well, 2*healthy)
	v.recovered = v.well >= healthy
}

// calm reports whether nothing was affected for a while, where few requests come.
func (v *victim) calm(newest int64) bool {
	return newest-v.wellSince >= calmSlots && v.busy > v.wellSince
}

// idle reports whether there were no requests by which to judge it.
func (v *victim) idle(newest int64) bool { return newest-v.busy >= max(idleSlots, 2*v.every) }

// follow looks for what the group affects, and counts its requests.
func (e *Engine) follow(g *group, newest int64) {
	upstream := e.upstreamOf(g)
	first := e.slotOf(g.span().Start) - 1
	for key, held := range e.outcomes.all() {
		o := *held
		o.advance(newest)
		if v := g.victims[key]; v != nil {
			v.count(o, newest)
			continue
		}
		if !e.mayAffect(g, key, upstream) || len(g.victims) >= maxVictims {
			continue
		}
		before := first
		if o.since != 0 {
			before = min(before, o.since)
		}
		by, at := o.usual(before), o.between(first, newest)
		median := !hurt(at, by) && longer(at, by, newest-first+1)
		if median {
			by = by.byMedian()
		}
		if median || hurt(at, by) {
			v := affect(g, o, first, newest, by, median)
			v.first = e.firstIn(&o.hits, v.since)
			v.inner, v.knownFailed = e.hasServiceCallers(key.service), o.failedBefore(before)
		}
	}
	g.measurePeak(newest)
}

// affect adds a victim, from the first slot on that shows it.
func affect(g *group, o *outcomes, first, newest int64, by norms, median bool) *victim {
	v := &victim{key: o.key, norms: by, median: median}
	for slot := first; slot < newest; slot++ {
		if f, s := excessOf(v.seen(o.at(slot)), by); f+s >= 1 {
			first = slot
			break
		}
	}
	v.since, v.upto = first, max(first-1, 0)
	if g.victims == nil {
		g.victims = map[outcomeKey]*victim{}
	}
	g.victims[o.key] = v
	g.changed = true
	g.grownAt = newest
	o.begin(first)
	v.count(o, newest)
	return v
}

// mayAffect reports whether requests of the key may suffer from the group's cause.
func (e *Engine) mayAffect(g *group, key outcomeKey, upstream map[string]bool) bool {
	if key.kind != requestCall && e.fleeting(key.service) {
		return false
	}
	switch key.kind {
	case requestEntry:
		return upstream[key.service]
	case requestServed:
		return g.concerns(key.service) && upstream[key.service]
	default:
		return key.what == g.cause() || g.place.hits(key.what)
	}
}

// atCause reports whether the requests are those to the cause itself.
func (g *group) atCause(key outcomeKey) bool {
	if key.kind == requestCall {
		return key.what == g.cause() || g.place.hits(key.what)
	}
	return key.service == g.cause() || g.place.hits(key.service)
}

// measurePeak keeps the worst half minute of the entry requests.
func (g *group) measurePeak(newest int64) {
	var sum outcome
	hit := 0.0
	for _, v := range g.entries() {
		o := v.window
		sum.add(o)
		failed, slow := excessOf(o, v.norms)
		hit += failed + slow
	}
	if sum.n < minHitRequests {
		return
	}
	if share := hit / float64(sum.n); share > g.peak {
		g.peak, g.peakSlot = min(1, share), newest-peakSlots/2
	}
}

// entries are the victims that users see: entry requests or, where none are known,
// those served by the group's services. A request that the kernel saw arrive at a database
// begins a trace, but its service's callers are what users see, if they are affected.
func (g *group) entries() []*victim {
	for _, kind := range [...]requestKind{requestEntry, requestServed, requestCall} {
		var outer, all []*victim
		for _, v := range g.victims {
			if v.key.kind != kind {
				continue
			}
			if all = append(all, v); !v.inner {
				outer = append(outer, v)
			}
		}
		list := all
		if kind == requestEntry && len(outer) > 0 {
			list = outer
		}
		if len(list) > 0 {
			slices.SortFunc(list, byHits)
			return list
		}
	}
	return nil
}

// byHits orders victims by affected requests.
func byHits(a, b *victim) int {
	af, as := a.excess()
	bf, bs := b.excess()
	return cmp.Or(cmp.Compare(bf+bs, af+as), cmp.Compare(a.key.service, b.key.service), cmp.Compare(a.key.what, b.key.what))
}

// affects reports whether users or callers are affected.
func (g *group) affects() bool {
	return slices.ContainsFunc(g.entries(), func(v *victim) bool { return v.key.kind != requestCall })
}
