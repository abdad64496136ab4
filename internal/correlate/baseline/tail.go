// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import "math"

const (
	// tailQuantile is the duration that one run of twenty exceeds; farQuantile the one that
	// one of a hundred does, of what ran far times: a rise of few runs is stronger evidence there.
	tailQuantile = 0.95
	farQuantile  = 0.99
	far          = 400
	// minTail is how many runs know a quantile of one in twenty: of fewer, not one is
	// expected beyond it.
	minTail = 20
	// pending is how many stretches of time wait until they join the distribution, so
	// that a fault is noticed before it is usual: as long as the recent buckets.
	pending = 4
	// stretch is how many buckets one has.
	stretch = Recent / (pending - 1)
)

// Tail is how many of the runs take longer than nearly all do by the baseline. The
// zero value is ready.
type Tail struct {
	Shares
	base    Sketch
	waiting [pending]Sketch
	at      int64 // the newest stretch
	limit   float64
	center  float64
}

// Ready reports whether it is known how long runs take.
func (t *Tail) Ready() bool { return t.limit > 0 }

// Limit is the duration beyond which a run counts, in the logarithm; +Inf while that
// is not known.
func (t *Tail) Limit() float64 {
	if t.limit == 0 {
		return math.Inf(1)
	}
	return t.limit
}

// Center is the median of the baseline, in the logarithm.
func (t *Tail) Center() float64 { return t.center }

// Take counts a run that took x, in the logarithm, and reports whether that is beyond
// the limit.
func (t *Tail) Take(bucket int64, x float64, weight float32) (beyond bool) {
	t.turn(bucket / stretch)
	if bucket/stretch > t.at-pending {
		t.waiting[(bucket/stretch)%pending].Add(x, weight)
	}
	c := Count{N: weight}
	if !t.Ready() {
		return false
	}
	if x > t.limit {
		c.Hits, c.Sum = weight, float32(x)*weight
	}
	t.Observe(bucket, c)
	return x > t.limit
}

// turn begins a new stretch: the oldest that waits joins the distribution; while
// hardly anything is known, all that wait do.
func (t *Tail) turn(to int64) {
	if t.at == 0 {
		t.at = to
	}
	for t.at < to {
		if to-t.at > pending {
			t.at = to - pending
		}
		t.at++
		if t.base.total < minTail {
			for i := range t.waiting {
				t.join(&t.waiting[i])
			}
		}
		t.join(&t.waiting[t.at%pending])
		t.base.Scale(float32(math.Exp2(-float64(stretch) / HalfLife)))
		if t.base.total >= minTail {
			t.measure()
		}
	}
}

// measure sets the limit anew. What was counted beyond the old one is counted by the new
// one from now on: that of the baseline exactly, that of the recent buckets in proportion.
func (t *Tail) measure() {
	quantile := tailQuantile
	if t.base.total >= far {
		quantile = farQuantile
	}
	before := t.limit
	t.limit, t.center = t.base.Quantile(quantile), t.base.Median()
	if before == 0 || before == t.limit {
		return
	}
	was, is := t.base.Beyond(before), t.base.Beyond(t.limit)
	t.old.Hits, t.old.Sum = t.old.N*float32(is), t.old.N*float32(is*t.limit)
	for i := range t.recent {
		if c := &t.recent[i]; is < was {
			c.Hits, c.Sum = c.Hits*float32(is/was), c.Sum*float32(is/was)
		}
	}
}

func (t *Tail) join(s *Sketch) {
	t.base.Merge(s)
	*s = Sketch{}
}

// Exclude keeps a fault out of the baseline, see Shares.Exclude.
func (t *Tail) Exclude(since int64) {
	first := t.Shares.Exclude(since)
	for at := max(first/stretch, t.at-pending+1); at <= t.at; at++ {
		t.waiting[at%pending] = Sketch{}
	}
}
