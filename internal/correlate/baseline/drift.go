// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import "math"

const (
	driftHours = 48
	// minDrift is for how many hours something must have risen: shorter ones are changes
	// that the recent buckets show, or the time of day.
	minDrift = 5
	// driftFit is the share of the variance that the rise must explain.
	driftFit = 0.9
	// driftRise is by how much it must have risen in all: twice as much, in the logarithm.
	driftRise = math.Ln2
	// steady is by how much the load may rise meanwhile and not explain it.
	steady = 0.4
)

// Drift is the mean of a quantity in each of the last hours, with how often it was
// observed: what rises by a little each hour never leaves the range of the last one.
// The zero value is ready.
type Drift struct {
	hours [driftHours]struct{ n, sum float32 }
	at    int64
}

// Take observes a value, in the logarithm, in an hour numbered from the epoch.
func (d *Drift) Take(hour int64, x float64, weight float32) {
	if d.at == 0 {
		d.at = hour
	}
	for ; d.at < hour; d.at++ {
		d.hours[(d.at+1)%driftHours] = struct{ n, sum float32 }{}
		if hour-d.at > driftHours {
			d.at = hour - driftHours
		}
	}
	if hour > d.at-driftHours {
		h := &d.hours[hour%driftHours]
		h.n += weight
		h.sum += float32(x) * weight
	}
}

func (d *Drift) mean(hour int64) (x float64, ok bool) {
	if hour < 0 || hour <= d.at-driftHours {
		return 0, false
	}
	h := d.hours[hour%driftHours]
	return float64(h.sum / max(h.n, 1)), h.n >= minTail
}

// Rising reports whether the quantity has risen along a line for hours, since when, and
// from what to what. The newest hour is not over and left out; so is a rise that the
// same hours of the day before had too, or that the load explains.
func (d *Drift) Rising() (hours int, from, to, fit float64, ok bool) {
	last := d.at - 1
	if last < 0 {
		return 0, 0, 0, 0, false
	}
	for n := minDrift; n <= driftHours/2; n++ {
		var t, x, tt, tx, xx float64
		for i := range n {
			v, known := d.mean(last - int64(n-1-i))
			if !known {
				return hours, from, to, fit, ok
			}
			at := float64(i)
			t, x, tt, tx, xx = t+at, x+v, tt+at*at, tx+at*v, xx+v*v
		}
		m := float64(n)
		vt, vx, c := tt/m-t*t/m/m, xx/m-x*x/m/m, tx/m-t*x/m/m
		if vx <= 0 || c <= 0 {
			continue
		}
		r2, rise := c*c/(vt*vx), c/vt*(m-1)
		if r2 >= driftFit && rise >= driftRise && !d.asYesterday(last, n, rise) && !d.loaded(last, n) {
			middle := x / m
			hours, from, to, fit, ok = n, middle-rise/2, middle+rise/2, r2, true
		}
	}
	return hours, from, to, fit, ok
}

// asYesterday reports whether it rose by half of that in the same hours a day ago.
func (d *Drift) asYesterday(last int64, n int, rise float64) bool {
	first, a := d.mean(last - 24 - int64(n-1))
	then, b := d.mean(last - 24)
	return a && b && then-first >= rise/2
}

// loaded reports whether there was more to do meanwhile.
func (d *Drift) loaded(last int64, n int) bool {
	before, now := d.hours[(last-int64(n-1))%driftHours].n, d.hours[last%driftHours].n
	return float64(now) > (1+steady)*float64(before)
}
