// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// Who has nothing to do is well, as a rule: others no longer ask. Where several
// services come to a standstill at one moment, and one that goes on calls them all, it
// is that one that no longer does what it did.

const (
	// minStill is how many values in a row make a standstill: one is a glitch.
	minStill = 2
	// minIdle is how many services must stand still for their caller to be in
	// question. One alone may be at fault itself.
	minIdle = 2
	// standKnown is how many values must show that it was never zero.
	standKnown = 30
)

// noteStill counts the zeros of a series that was never zero, and just before at least
// half of what it usually is: what dwindles, as in the evening, comes to nothing by
// and by.
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

// justBefore is the mean of a few values before the newest one.
func (s *series) justBefore() float64 {
	sum := 0.0
	for back := 2; back < 2+minAfter; back++ {
		sum += float64(s.latest[(s.came-back)%movingValues])
	}
	return sum / minAfter
}

// standstill is as strange as it is that what was never zero now always is. Where it
// is the rate of something, it is no stranger than that a Poisson process of that rate,
// as dispersed as the values are, brings nothing meanwhile.
func (s *series) standstill() float64 {
	if s.still < minStill {
		return 0
	}
	strength := -2 * logLikelihood(float32(s.still), float32(s.still+len(s.values)))
	if !s.isRate() || s.onset >= s.last {
		return strength
	}
	return min(strength, 2*s.expected(float64(s.last-s.onset)/1e9))
}

// isRate reports whether values are how many of something there are in a second.
func (s *series) isRate() bool { return s.accumulates || strings.HasSuffix(s.unit, "/s") }

// expected is how many events a stretch of seconds would bring, of a process that is as
// dispersed as the values show: clusters of them count once.
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

// standstillSigns tells who came to a standstill, and who no longer calls them.
func (e *Engine) standstillSigns(slot int64, add func(*sign)) {
	idle := map[string]*sign{}
	for _, held := range e.series.all() {
		s := *held
		strength := s.standstill()
		if strength < hintStrength || e.timeOf(slot) > s.last+together {
			continue
		}
		told := s.sign(classLoad, min(strength, noAlarm))
		told.key.what, told.count = "standstill", s.still
		told.text = fmt.Sprintf("%s of %s is zero, which it never was before (%s usually)", s.name, s.service.name, quantity(s.middle(), s.unit))
		if best := idle[s.service.name]; best == nil || strongest(told, best) < 0 {
			idle[s.service.name] = told
		}
	}
	if len(idle) < minIdle {
		return
	}
	for _, s := range idle {
		add(s)
	}
	for caller, callees := range e.askers(idle) {
		if len(callees) >= minIdle && e.goesOn(caller, callees[0].onset) {
			add(e.ceasedSign(caller, callees))
		}
	}
}

// middle is the median of what it usually is.
func (s *series) middle() float64 { return float64(s.sorted[len(s.sorted)/2]) }

// askers lists by caller those who stand still since one moment, the surest first.
func (e *Engine) askers(idle map[string]*sign) map[string][]*sign {
	by := map[string][]*sign{}
	for key := range e.graph.calls.all() {
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

// goesOn reports whether a service has something to do after that moment.
func (e *Engine) goesOn(service string, since model.Nanos) bool {
	for _, held := range e.series.all() {
		s := *held
		if s.service.name == service && s.class == classLoad && s.last > since && len(s.values) >= minKnown && s.newest > 0 && 2*s.newest >= s.middle() {
			return true
		}
	}
	return false
}

// ceasedSign tells that a service no longer calls some of those that it called. It
// is as sure as it is that they all stand still.
func (e *Engine) ceasedSign(caller string, callees []*sign) *sign {
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
	s := e.newSign(e.serviceNamed(caller), classPath, "standstill", "", change{slot: e.slotOf(onset), ratio: strength})
	s.onset, s.count, s.size = onset, len(callees), 1
	s.brief = fmt.Sprintf("%s continues; %s, which it calls, stopped", caller, strings.Join(names, " and "))
	s.text = fmt.Sprintf("%s, since %s", s.brief, clock(onset))
	s.peers = names
	s.evidence = evidence[:min(len(evidence), 2*exemplars)]
	return s
}
