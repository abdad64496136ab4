// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
)

// A service without work is usually healthy: its callers stopped calling. If several services become
// idle at the same moment, and a service that calls all of them goes on, that caller stopped doing
// what it did.

const (
	// minStill is how many zeros in a row make a standstill; one may be a glitch.
	minStill = 2
	// minIdle is how many services must be idle to suspect their common caller. A single one may be at
	// fault itself.
	minIdle = 2
	// standKnown is how many values must have been seen, none of them zero.
	standKnown = 30
)

// noteStill counts zeros in a row of a series that was never zero, and that just before had at least
// half of its median: a load that declines slowly, as in the evening, reaches zero without a fault.
func (s *series) noteStill(x float64, t model.Nanos) {
	switch {
	case x != 0 || s.class == classSymptom:
		s.still = 0
	case s.still > 0:
		s.still++
	case len(s.sorted) >= standKnown && s.sorted[0] > 0 && 2*s.justBefore() >= s.middle():
		s.still = 1
		if s.strange == 0 {
			s.onset = s.last + (t-s.last)/2
		}
	}
}

// justBefore is the mean of the few values before the newest one.
func (s *series) justBefore() float64 {
	sum := 0.0
	for back := 2; back < 2+baseline.LeastAfter; back++ {
		sum += float64(s.latest[(s.came-back)%movingValues])
	}
	return sum / baseline.LeastAfter
}

// standstill is the strength of the change from never zero to always zero. For a rate it is bounded by
// the probability that a Poisson process of that rate, with the dispersion of the values, has no
// events in the time.
func (s *series) standstill() float64 {
	if s.still < minStill {
		return 0
	}
	strength := -2 * baseline.ShareLikelihood(float32(s.still), float32(s.still+len(s.values)))
	if !s.isRate() || s.onset >= s.last {
		return strength
	}
	return min(strength, 2*s.expected(float64(s.last-s.onset)/1e9))
}

// isRate reports whether the values are a number of events per second.
func (s *series) isRate() bool { return s.accumulates || strings.HasSuffix(s.unit, "/s") }

// expected is how many independent events a number of seconds would bring, by the dispersion of the
// values: a cluster of events counts once.
func (s *series) expected(seconds float64) float64 {
	n := float64(len(s.values))
	var sum, square float64
	for _, x := range s.values {
		sum, square = sum+float64(x), square+float64(x)*float64(x)
	}
	mean := sum / max(n, 1)
	if mean <= 0 {
		return 0
	}
	interval := seconds / float64(s.still)
	dispersion := max(1, (square/n-mean*mean)*interval/mean)
	return mean * seconds / dispersion
}

// standstillSigns makes anomalies of services that became idle, and of a caller that no longer calls
// them.
func (d *seriesDetector) standstillSigns(slot int64, add func(*sign)) {
	idle := map[string]*sign{}
	for _, held := range d.series.All() {
		s := *held
		strength := s.standstill()
		if strength < baseline.HintStrength || d.time.Start(slot) > s.last+together {
			continue
		}
		found := s.sign(classLoad, min(strength, baseline.NoAlarm))
		found.key.what, found.count = "standstill", s.still
		found.text = fmt.Sprintf("%s of %s is zero, which it never was before (%s usually)", s.name, s.service.name, quantity(s.middle(), s.unit))
		if best := idle[s.service.name]; best == nil || strongest(found, best) < 0 {
			idle[s.service.name] = found
		}
	}
	if len(idle) < minIdle {
		return
	}
	for _, s := range idle {
		add(s)
	}
	for caller, callees := range d.askers(idle) {
		if len(callees) >= minIdle && d.goesOn(caller, callees[0].onset) {
			add(d.ceasedSign(caller, callees))
		}
	}
}

// middle is the median of the baseline.
func (s *series) middle() float64 { return float64(s.sorted[len(s.sorted)/2]) }

// askers lists, by caller, the callees that became idle at one moment, the strongest first.
func (d *seriesDetector) askers(idle map[string]*sign) map[string][]*sign {
	by := map[string][]*sign{}
	for key := range d.graph.calls.All() {
		if s := idle[key.callee]; s != nil && idle[key.caller] == nil {
			by[key.caller] = append(by[key.caller], s)
		}
	}
	for caller, callees := range by {
		slices.SortFunc(callees, strongest)
		by[caller] = slices.DeleteFunc(callees, func(s *sign) bool { return !near(s.onset, callees[0].onset) })
	}
	return by
}

// goesOn reports whether a service has work after that moment.
func (d *seriesDetector) goesOn(service string, since model.Nanos) bool {
	for _, held := range d.series.All() {
		s := *held
		if s.service.name == service && s.class == classLoad && s.last > since && len(s.values) >= baseline.MinKnown && s.newest > 0 && 2*s.newest >= s.middle() {
			return true
		}
	}
	return false
}

// ceasedSign makes an anomaly of a service that no longer calls some of its callees. Its strength is the
// sum of those of their anomalies.
func (d *seriesDetector) ceasedSign(caller string, callees []*sign) *sign {
	var names []string
	onset, strength := callees[0].onset, 0.0
	var evidence []model.EvidenceRef
	for _, s := range callees {
		names = append(names, s.key.service)
		onset = min(onset, s.onset)
		strength += s.strength
		evidence = append(evidence, s.evidence...)
	}
	slices.Sort(names)
	s := newSign(d.time, d.topology.serviceNamed(caller), classPath, "standstill", "", baseline.ChangePoint{Bucket: d.time.Of(onset), Ratio: strength})
	s.onset, s.count, s.size = onset, len(callees), 1
	s.brief = fmt.Sprintf("%s continues; %s, which it calls, stopped", caller, strings.Join(names, " and "))
	s.text = fmt.Sprintf("%s, since %s", s.brief, clock(onset))
	s.peers = names
	s.evidence = evidence[:min(len(evidence), 2*exemplars)]
	return s
}
