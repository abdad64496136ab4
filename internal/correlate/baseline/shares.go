// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import "math"

const (
	// Recent is how many buckets are kept apart, so that a change can be dated
	// within them: three minutes of five seconds.
	Recent = 36
	// bucketWorth is as how many runs a bucket counts at most: what delays or fails one
	// call delays or fails those beside it.
	bucketWorth = 20
	// minAfter is how many hits a rise needs: fewer are chance, see ADR 0067.
	minAfter = 3
	// priorDispersion and priorBuckets are what is assumed of the variance between buckets
	// before it is known: twice that of independent runs, held as firmly as a minute of
	// buckets.
	priorDispersion = 2
	priorBuckets    = 12
)

// Count is what a bucket holds: runs, those that showed something, and a sum over
// the latter.
type Count struct{ N, Hits, Sum float32 }

// Share is that of the hits.
func (c Count) Share() float64 {
	if c.N <= 0 {
		return 0
	}
	return min(max(float64(c.Hits/c.N), 0), 1)
}

// Mean is that of what was summed up over the hits.
func (c Count) Mean() float64 {
	if c.Hits <= 0 {
		return 0
	}
	return float64(c.Sum / c.Hits)
}

func (c *Count) add(o Count) {
	c.N += o.N
	c.Hits += o.Hits
	c.Sum += o.Sum
}

func (c *Count) scale(by float32) {
	c.N *= by
	c.Hits *= by
	c.Sum *= by
}

// worth weighs a bucket as so many runs at most.
func (c Count) worth() Count {
	if c.N > bucketWorth {
		c.scale(bucketWorth / c.N)
	}
	return c
}

// Shares is the share of runs that show something, over time: recent buckets
// apart, what is older in one. The zero value is ready.
type Shares struct {
	head   int64
	recent [Recent]Count
	old    Count
	// out has a bit for each recent bucket that is kept out of the baseline, as that of
	// a fault; since and until bound the fault, as long as it goes on.
	out          uint64
	since, until int64
	// pearson sums up Pearson's statistic of the buckets that joined the baseline: over
	// their number it is the dispersion between buckets.
	pearson, buckets float32
}

// Observe adds to a bucket. What is older than the recent ones joins the baseline.
func (s *Shares) Observe(bucket int64, c Count) {
	s.Advance(bucket)
	if bucket <= s.head-Recent {
		s.old.add(c)
		return
	}
	s.recent[bucket%Recent].add(c)
}

// Advance makes a bucket the newest, if it is newer.
func (s *Shares) Advance(bucket int64) {
	if s.head == 0 {
		s.head = bucket
		return
	}
	steps := bucket - s.head
	if steps <= 0 {
		return
	}
	for i := range min(steps, Recent) {
		s.retire((s.head + 1 + i) % Recent)
	}
	keep := float32(math.Exp2(-float64(steps) / HalfLife))
	s.old.scale(keep)
	s.pearson *= keep
	s.buckets *= keep
	s.head = bucket
}

// retire lets a bucket join the baseline, unless it is of a fault.
func (s *Shares) retire(place int64) {
	c := s.recent[place].worth()
	s.recent[place] = Count{}
	bit := uint64(1) << place
	if s.out&bit != 0 {
		s.out &^= bit
		return
	}
	if c.N > 0 && s.old.N > 0 {
		p := s.smoothed(s.old)
		off := float64(c.Hits) - float64(c.N)*p
		s.pearson += float32(off * off / (float64(c.N) * p * (1 - p)))
		s.buckets++
	}
	s.old.add(c)
}

// At returns a recent bucket.
func (s *Shares) At(bucket int64) Count {
	if bucket > s.head || bucket <= s.head-Recent || bucket < 0 {
		return Count{}
	}
	return s.recent[bucket%Recent]
}

// Head is the newest bucket.
func (s *Shares) Head() int64 { return s.head }

// Since adds up the buckets from one on.
func (s *Shares) Since(bucket int64) Count {
	var sum Count
	for at := max(bucket, s.head-Recent+1); at <= s.head; at++ {
		sum.add(s.At(at))
	}
	return sum
}

// Known is how many runs the baseline counts, besides the recent ones.
func (s *Shares) Known() float64 { return float64(s.old.N) }

// Exclude keeps the buckets from one on out of the baseline: they are of a fault that
// was reported. What lasts for as long as a baseline does is usual all the same.
// It returns the first bucket that is kept out, one beyond the newest for none.
func (s *Shares) Exclude(since int64) int64 {
	if s.head-s.until > Recent {
		s.since = since
	}
	s.until = s.head
	if s.head-s.since > HalfLife {
		return s.head + 1
	}
	first := max(since, s.head-Recent+1)
	for at := first; at <= s.head; at++ {
		s.out |= 1 << (at % Recent)
	}
	return first
}

// Dispersion is how much more the shares of buckets vary than independent runs
// would let them, 1 at least.
func (s *Shares) Dispersion() float64 {
	return max(1, (float64(s.pearson)+priorDispersion*priorBuckets)/(float64(s.buckets)+priorBuckets))
}

// Newest is the newest bucket with a hit, 0 for none.
func (s *Shares) Newest() int64 {
	for at := s.head; at > s.head-Recent && at > 0; at-- {
		if s.At(at).Hits > 0 {
			return at
		}
	}
	return 0
}

// Change is the most likely moment at which a share rose or fell.
type Change struct {
	Bucket        int64 // the first one after it
	Ratio         float64
	Before, After Count
}

// Rise finds since when more of the runs are hits, by the likelihood ratio of two
// binomials over all moments of the recent buckets, divided by the dispersion
// between buckets. No single bucket may carry it: without the one that speaks most for
// the change, the others must still speak for half of it.
func (s *Shares) Rise() Change {
	var best Change
	before := s.old
	for at := s.head - Recent + 1; at <= s.head; at++ {
		before.add(s.At(at).worth())
	}
	p, d := s.smoothed(before), s.Dispersion()
	var after, most Count
	buckets := float64(0)
	for at := s.head; at > s.head-Recent && at > 0; at-- {
		c := s.At(at).worth()
		if c.N <= 0 {
			continue
		}
		after.add(c)
		buckets++
		before.N, before.Hits, before.Sum = before.N-c.N, before.Hits-c.Hits, before.Sum-c.Sum
		if float64(c.Hits)-p*float64(c.N) > float64(most.Hits)-p*float64(most.N) {
			most = c
		}
		if after.Hits < minAfter-0.5 || before.N < minAfter-0.5 {
			continue
		}
		rest := Count{N: after.N - most.N, Hits: after.Hits - most.Hits}
		ratio := min(s.ratio(before, after), 2*s.ratio(before, rest)) / within(d, float64(after.N)/buckets)
		if ratio > best.Ratio {
			best = Change{Bucket: at, Ratio: ratio, Before: before, After: after}
		}
	}
	return best
}

// within is what of a dispersion is left for buckets of so many runs: a single one is
// independent of others.
func within(dispersion, runs float64) float64 { return 1 + (dispersion-1)*(1-1/max(runs, 1)) }

// ratio is twice the logarithm of the likelihood ratio of two shares and of one.
func (s *Shares) ratio(before, after Count) float64 {
	b := Count{N: before.N + 1, Hits: max(before.Hits, 0) + 0.5}
	if after.N <= 0 || after.Share() <= b.Share() {
		return 0
	}
	return 2 * (LogLikelihood(b.Hits, b.N) + LogLikelihood(after.Hits, after.N) - LogLikelihood(b.Hits+after.Hits, b.N+after.N))
}

// smoothed is a share that is neither none nor all.
func (s *Shares) smoothed(c Count) float64 {
	return (max(float64(c.Hits), 0) + 0.5) / (max(float64(c.N), 0) + 1)
}

// LogLikelihood is that of k hits in n runs at the most likely share.
func LogLikelihood(k, n float32) float64 {
	p := Count{N: n, Hits: k}.Share()
	if n <= 0 || p <= 0 || p >= 1 {
		return 0
	}
	return float64(k)*math.Log(p) + float64(n-k)*math.Log(1-p)
}
