// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math"

	"github.com/tapio/tapio/internal/tapio"
)

const (
	// trendWeight is the share of the newest value in the running sums, so that
	// about twenty values count.
	trendWeight = 0.05
	// minTrend is how many values a trend needs, and minFit how much of their
	// variance a straight line must explain: nine tenths, so that noise does not
	// pass for a leak.
	minTrend = 20
	minFit   = 0.9
)

// trend fits a line to the newest values by exponentially weighted least
// squares.
type trend struct {
	origin           tapio.Nanos
	n                int
	t, x, tt, tx, xx float64 // running means
}

func (l *trend) add(x float64, when tapio.Nanos) {
	if l.n == 0 {
		l.origin = when
	}
	l.n++
	w := max(trendWeight, 1/float64(l.n))
	t := (float64(when) - float64(l.origin)) / 1e9
	l.t += w * (t - l.t)
	l.x += w * (x - l.x)
	l.tt += w * (t*t - l.tt)
	l.tx += w * (t*x - l.tx)
	l.xx += w * (x*x - l.xx)
}

// until says in how many seconds from its newest value the line reaches the
// limit, with the error of the slope; ok is false if no line supports it.
func (l *trend) until(limit, newest float64) (earliest, latest float64, ok bool) {
	vt, vx, c := l.tt-l.t*l.t, l.xx-l.x*l.x, l.tx-l.t*l.x
	if l.n < minTrend || vt <= 0 || vx <= 0 || c <= 0 || newest >= limit {
		return 0, 0, false
	}
	fit := min(1, c*c/(vt*vx))
	slope := c / vt
	if fit < minFit {
		return 0, 0, false
	}
	spread := 2 * math.Sqrt(vx*(1-fit)/vt*trendWeight)
	left := limit - newest
	return left / (slope + spread), left / max(slope-spread, slope/4), true
}
