// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package baseline

import (
	"math"

	"github.com/tapio/tapio/internal/model"
)

const (
	// trendWeight is the weight of the newest value in the running sums, so that about twenty values
	// count.
	trendWeight = 0.05
	// MinTrend is how many values a trend needs.
	MinTrend = 20
	// MinFit is how much of their variance a line must explain: nine tenths, so that noise is not taken
	// for a leak.
	MinFit = 0.9
)

// Trend fits a line to the newest values, by exponentially weighted least squares.
type Trend struct {
	origin           model.Nanos
	N                int
	First            float64
	t, x, tt, tx, xx float64 // running means
}

// Add adds a value at a time.
func (l *Trend) Add(x float64, when model.Nanos) {
	if l.N == 0 {
		l.origin, l.First = when, x
	}
	l.N++
	w := max(trendWeight, 1/float64(l.N))
	t := (float64(when) - float64(l.origin)) / 1e9
	l.t += w * (t - l.t)
	l.x += w * (x - l.x)
	l.tt += w * (t*t - l.tt)
	l.tx += w * (t*x - l.tx)
	l.xx += w * (x*x - l.xx)
}

// slope returns the slope of the line; fit is the share of the variance that it explains.
func (l *Trend) slope() (slope, fit, spread float64, ok bool) {
	vt, vx, c := l.tt-l.t*l.t, l.xx-l.x*l.x, l.tx-l.t*l.x
	if l.N < MinTrend || vt <= 0 || vx <= 0 || c <= 0 {
		return 0, 0, 0, false
	}
	fit = min(1, c*c/(vt*vx))
	return c / vt, fit, 2 * math.Sqrt(vx*(1-fit)/vt*trendWeight), fit >= MinFit
}

// Until estimates in how many seconds after its newest value the line reaches the limit, with the
// error of the slope; ok is false without a significant line.
func (l *Trend) Until(limit, newest float64) (earliest, latest float64, ok bool) {
	slope, _, spread, ok := l.slope()
	if !ok || newest >= limit {
		return 0, 0, false
	}
	left := limit - newest
	return left / (slope + spread), left / max(slope-spread, slope/4), true
}

// Strength is twice the log-likelihood ratio of the line against no change, for the values that count.
func (l *Trend) Strength() float64 {
	_, fit, _, _ := l.slope()
	return min(MaxStrength, -MinTrend*math.Log1p(-min(fit, 0.999)))
}
