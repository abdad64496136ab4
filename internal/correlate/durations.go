// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math"
)

const (
	// durationBuckets of a sixth each reach from a tenth of a millisecond to two
	// minutes.
	durationBuckets = 92
	bucketWidth     = 0.1525
	leastDuration   = 0.1
)

// durations is a histogram on a logarithmic scale.
type durations struct {
	n       float32
	buckets [durationBuckets]float32
}

// add counts n that took so long.
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

func (d *durations) decay(by float64) {
	d.n = 0
	for i := range d.buckets {
		d.buckets[i] *= float32(by)
		d.n += d.buckets[i]
	}
}

// quantile interpolates within a bucket; 0 where too few durations are known.
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
