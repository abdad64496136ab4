// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// paceEvery is how often the room for garbage follows what is allocated.
	paceEvery = time.Second
	// collectEvery is how often garbage is collected at most, about: the room for it is
	// what is allocated meanwhile.
	collectEvery = 5 * time.Second
	// paceDecay is what remains of the rate of a burst after paceEvery.
	paceDecay = 0.9
	// liveShare bounds the room from below, one in liveShare of what lives.
	liveShare = 8
)

// garbagePace chooses GOGC so that a process that allocates little holds little garbage,
// and one that allocates much is not collected more often than with garbagePercent.
type garbagePace struct {
	allocated uint64 // since the start of the process
	at        time.Time
	rate      float64 // bytes per second, of the last seconds
	percent   int
}

// follow takes what was allocated until now and what lives, and returns the percentage
// for it. Changed is false if it is near the one before.
func (p *garbagePace) follow(now time.Time, allocated, live uint64) (percent int, changed bool) {
	if passed := now.Sub(p.at).Seconds(); !p.at.IsZero() && passed > 0 && allocated >= p.allocated {
		p.rate = max(float64(allocated-p.allocated)/passed, p.rate*paceDecay)
	}
	first := p.at.IsZero()
	p.at, p.allocated = now, allocated
	if first || live == 0 {
		return garbagePercent, false
	}
	room := max(p.rate*collectEvery.Seconds(), garbageRoom, float64(live)/liveShare)
	percent = int(math.Ceil(min(100*room/float64(live), garbagePercent)))
	if p.percent != 0 && percent >= p.percent*4/5 && percent <= p.percent*11/10 && percent != garbagePercent {
		return p.percent, false
	}
	changed = percent != p.percent
	p.percent = percent
	return percent, changed
}

// pace sets GOGC by what is allocated, while it is this program's to set.
func (m *memoryTarget) pace(now time.Time) {
	if m.before == nil {
		return
	}
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	for _, sample := range samples {
		if sample.Value.Kind() != metrics.KindUint64 {
			return // a runtime that does not report it: GOGC stays as it is
		}
	}
	if percent, changed := m.garbage.follow(now, samples[0].Value.Uint64(), samples[1].Value.Uint64()); changed {
		debug.SetGCPercent(percent)
	}
}
