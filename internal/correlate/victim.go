// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
)

const (
	// minHitRequests is how many requests must fail or be slow beyond the baseline until anyone counts as
	// affected: one may be chance, and a second one its retry.
	minHitRequests = 3
	// minHitShare is the least share of the requests of an operation that matters.
	minHitShare = 0.01
	// minSlowShare is the least share for slow requests, some of which always occur.
	minSlowShare = 0.03
	// minLongShare is the least share for requests that take half as long again as the median.
	minLongShare = 0.15
	// healthy is the log-likelihood ratio from which requests count as recovered: twenty to one.
	healthy = 3
	// better is the log-likelihood ratio from which they count as recovering.
	better = 1
	// maxVictims bounds the operations whose requests an incident counts.
	maxVictims = 64
	// peakSlots is the number of buckets over which the peak is measured: half a minute.
	peakSlots = 6
	// idleSlots is the number of buckets without a request after which the state is unknown: a minute.
	idleSlots = 12
	// calmSlots is for how many buckets no request may be affected where only few arrive: a minute.
	calmSlots = 12
)

// victim is an affected operation or call, with its requests since the incident began.
type victim struct {
	key             outcomeKey
	since, upto     int64       // buckets counted, from and to
	total           outcome     // up to the last affected request
	pending, window outcome     // since then, and in the last half minute
	norms           norms       // shares of the baseline
	median          bool        // judged by requests that take long (see outcome.long) instead of slow ones
	knownFailed     float64     // measured share of failures in the baseline, without the lower bound
	well            float64     // log-likelihood ratio of recovery
	wellSince       int64       // bucket in which it began to rise
	busy            int64       // newest bucket with a request
	every           int64       // buckets between two points of the metric that counts the requests
	first           model.Nanos // time of the first affected request
	before95, now95 float64
	since95         float64 // 95th percentile since the incident began
	recovered       bool
	inner           bool // called by other services: users are affected through those
}

// excess is the number of failed and of slow requests beyond the baseline.
func (v *victim) excess() (failed, slow float64) {
	return excessOf(v.total, v.norms)
}

// excessOf is the number of failed and of slow requests beyond the norms. Some of the requests that a
// fault slows down would have been slow anyway.
func excessOf(o outcome, by norms) (failed, slow float64) {
	failed = max(0, float64(o.failed)-by.failed*float64(o.n))
	slow = max(0, float64(o.slow)-by.slow*float64(o.n-o.failed)) / (1 - by.slow)
	return failed, slow
}

// scale is how many requests each observed one stands for.
func (o outcome) scale() float64 {
	if o.n <= 0 {
		return 1
	}
	return max(1, float64(o.scaled)/float64(o.n))
}

// hurt reports whether more requests fail or are slow than the norms explain.
func hurt(o outcome, by norms) bool {
	failed, slow := excessOf(o, by)
	n := float64(o.n)
	return failed+slow >= minHitRequests-0.5 && (failed >= minHitShare*n && surplus(float64(o.failed), n, by.failed) >= baseline.HintStrength ||
		slow >= minSlowShare*n && surplus(float64(o.slow), n, by.slow) >= baseline.HintStrength)
}

// longer reports whether half of the requests take half as long again as their median, or so many that
// it is certain. Requests of one bucket delay each other, so they are not independent observations.
func longer(o outcome, by norms, slots int64) bool {
	o, by = o.byMedian(), by.byMedian()
	n := float64(o.n)
	if n == 0 {
		return false
	}
	_, slow := excessOf(o, by)
	known := min(n, baseline.DurationsWorth*float64(slots))
	return slow >= minHitRequests && slow >= minLongShare*n && surplus(float64(o.slow)/n*known, known, by.slow) >= baseline.HintStrength
}

// surplus is twice the log-likelihood ratio of a share against the baseline, 0 if it is not larger.
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

// count adds the buckets up to the newest complete one, and judges whether requests have recovered.
func (v *victim) count(o *outcomes, newest int64) {
	for slot := max(v.upto+1, newest-baseline.Recent+1); slot <= newest; slot++ {
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

// seen converts an outcome to the measure by which the victim is judged.
func (v *victim) seen(o outcome) outcome {
	if v.median {
		return o.byMedian()
	}
	return o
}

// weigh adds to a cumulative sum (Page, 1954) the log-likelihood ratio of recovery against a quarter
// of the excess so far: if one of four replicas still fails, that is no recovery.
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
	// A long healthy time must not hide a new deviation.
	v.well = min(v.well, 2*healthy)
	v.recovered = v.well >= healthy
}

// calm reports whether nothing was affected for a while, where only few requests arrive.
func (v *victim) calm(newest int64) bool {
	return newest-v.wellSince >= calmSlots && v.busy > v.wellSince
}

// idle reports whether there were no requests to judge by.
func (v *victim) idle(newest int64) bool { return newest-v.busy >= max(idleSlots, 2*v.every) }

// follow finds what the group affects, and counts its requests.
func (l *lifecycle) follow(g *group, newest int64) {
	upstream := l.spread.upstreamOf(g)
	first := l.time.Of(g.span().Start) - 1
	for key, held := range l.requests.outcomes.All() {
		o := *held
		o.advance(newest)
		if v := g.victims[key]; v != nil {
			v.count(o, newest)
			continue
		}
		if !l.mayAffect(g, key, upstream) || len(g.victims) >= maxVictims {
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
			v.first = l.time.FirstIn(&o.hits, v.since)
			v.inner, v.knownFailed = l.topology.hasServiceCallers(key.service), o.failedBefore(before)
		}
	}
	g.measurePeak(newest)
}

// affect adds a victim, from the first bucket on in which it is affected.
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

// mayAffect reports whether the group's cause may affect requests of the key.
func (l *lifecycle) mayAffect(g *group, key outcomeKey, upstream map[string]bool) bool {
	if key.kind != requestCall && l.topology.fleeting(key.service) {
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

// atCause reports whether the requests are served by the cause itself.
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
		failed, slow := affectedOf(o, v.norms, v.median)
		hit += failed + slow
	}
	if sum.n < minHitRequests {
		return
	}
	if share := hit / float64(sum.n); share > g.peak {
		g.peak, g.peakSlot = min(1, share), newest-peakSlots/2
	}
}

// entries are the victims that users see: entry requests or, if none are known, those served by the
// group's services. A request that the kernel saw arrive at a database begins a trace as well; if
// services that call it are affected, users see those instead.
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

// byHits orders victims by the number of affected requests.
func byHits(a, b *victim) int {
	af, as := a.affected()
	bf, bs := b.affected()
	return cmp.Or(cmp.Compare(bf+bs, af+as), cmp.Compare(a.key.service, b.key.service), cmp.Compare(a.key.what, b.key.what))
}

// affects reports whether users or callers are affected.
func (g *group) affects() bool {
	return slices.ContainsFunc(g.entries(), func(v *victim) bool { return v.key.kind != requestCall })
}
