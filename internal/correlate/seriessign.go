// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"strings"

	"github.com/tapio/tapio/internal/model"
)

const (
	// leastExhausted is how long a resource must be exhausted to be a cause: a program
	// that starts, or a batch of requests, uses a CPU up for a moment.
	leastExhausted = 80 * model.Nanos(1e9)
	// persistent is how many values in a row, and how long, what is mostly an effect must
	// deviate to be an anomaly of a service that nothing else tells of.
	persistent = 3
	// worseBy is by how much a duration or an error ratio must exceed its median then.
	worseBy = 1.5
	// beyondMost is by how much it must exceed whatever the baseline holds.
	beyondMost = 1.2
	// burstTimes in burstWindow make a burst usual, of burstLevel times the level and
	// burstLength times the length of those before.
	burstTimes  = 2
	burstWindow = 6 * hour
	burstLevel  = 1.5
	burstLength = 2
	// overloaded is by how many times more requests than usual explain what a service uses.
	// A few requests more are no load.
	overloaded = 2
	leastSurge = 100
)

// bursts are the times at which a series deviated for a while and came back by itself.
type bursts struct {
	ends    [burstTimes]model.Nanos // the newest last
	longest model.Nanos
	most    float64 // of those that ended
	now     float64 // of the one that goes on
}

// maxBursts bounds the metrics of a service whose replicas are known together.
const maxBursts = 16

// burstsOf are those of a series or, of a resource, those of all replicas of its service:
// each of them has the same habits.
func (s *service) burstsOf(of *series) *bursts {
	if of.class != classResource {
		return &bursts{}
	}
	if known := s.bursts[of.name]; known != nil {
		return known
	}
	b := &bursts{}
	if s.bursts == nil {
		s.bursts = map[string]*bursts{}
	}
	if len(s.bursts) < maxBursts {
		s.bursts[of.name] = b
	}
	return b
}

func (b *bursts) reached(x float64) {
	if b != nil {
		b.now = max(b.now, x)
	}
}

func (b *bursts) ended(t, length model.Nanos) {
	if b == nil {
		return
	}
	if t > b.ends[burstTimes-1]+burstWindow {
		b.longest, b.most = 0, 0
	}
	copy(b.ends[:], b.ends[1:])
	b.ends[burstTimes-1] = t
	b.longest, b.most, b.now = max(b.longest, length), max(b.most, b.now), 0
}

// usual reports whether a burst is one of many alike.
func (b *bursts) usual(t, length model.Nanos) bool {
	return b != nil && b.ends[0] != 0 && b.ends[0]+burstWindow > t && b.now <= burstLevel*b.most && float64(length) <= burstLength*float64(b.longest)
}

// seriesSign tells that a metric left its usual range.
func (e *Engine) seriesSign(s *series, slot int64) *sign {
	if s.folded || s.strange == 0 || e.timeOf(slot) > s.last+model.Nanos(recentSlots)*e.slotWidth() {
		return nil
	}
	if s.class == classSymptom && s.worse() == 0 {
		return nil
	}
	strength, lasted := s.strength(), s.last-min(s.last, s.onset)
	if s.strange >= 2 { // two values in a row are no glitch
		strength += alarmStrength - strangeDeviation*strangeDeviation
	}
	expected := s.expects(e.slotOf(s.onset), lasted)
	c := s.class
	switch {
	case c == classResource && s.exhausts() && s.deviation > 0 && !expected:
		told := s.sign(c, strength+alarmStrength)
		// By itself it may be a burst; and of cores nobody knows how many there may be.
		told.supports = s.strange < 2 || lasted < leastExhausted || s.unlimited()
		e.tellOverload(s, told)
		return told
	case c == classSymptom && s.service.unseen(e.now) && !expected && s.persists(lasted):
		return s.persistentSign(strength)
	case c == classResource:
		c = classLoad // more work, not too much of it
		fallthrough
	default:
		strength = min(strength, noAlarm)
	}
	return s.sign(c, strength)
}

// unlimited reports whether values are cores that are used, of no limit that is known.
func (s *series) unlimited() bool { return s.unit != "1" && s.unit != "%" }

// tellOverload says so where a service uses more because more is asked of it.
func (e *Engine) tellOverload(s *series, told *sign) {
	r := s.service.requests
	if r == nil || r.old.n == 0 {
		return
	}
	since := e.slotOf(told.onset)
	recent, slots := 0.0, 0.0
	for at := max(since, r.head-recentSlots+1); at < r.head; at++ {
		recent += float64(r.at(at).n)
		slots++
	}
	usual := float64(r.old.n) / max(float64(remembered(e.judged-recentSlots-e.slotOf(s.service.first)+1)), 1)
	if slots < minAfter || recent < leastSurge || recent/slots < overloaded*usual {
		return
	}
	told.surge = [2]float64{usual / e.slotSeconds(), recent / slots / e.slotSeconds()}
}

// expects reports whether the series deviates when or as it does every so often, and
// remembers that it does.
func (s *series) expects(began int64, lasted model.Nanos) bool {
	expected := s.habit.Expects(began, s.worse()) || s.bursts.usual(s.last, lasted)
	s.habit.Deviates(began, s.worse())
	return expected
}

// unseen reports whether a service sends no spans, so that its metrics are all that
// tells of it.
func (s *service) unseen(now model.Nanos) bool { return s.spanned == 0 || s.spanned+24*hour < now }

// persists reports whether it deviates for long and by much.
func (s *series) persists(lasted model.Nanos) bool {
	if s.strange < persistent || lasted < leastExhausted || len(s.values) < standKnown || strings.Contains(s.name, "client") {
		return false // what clients see is rather an effect
	}
	if strings.Contains(s.name, "success") {
		return s.newest < s.median/worseBy && s.newest < float64(s.sorted[0])
	}
	most := float64(s.sorted[len(s.sorted)-1])
	return s.newest >= worseBy*s.median && s.newest >= beyondMost*most && s.newest-s.median >= s.floor
}

// persistentSign tells of a service that nothing else tells of that it is slow or fails.
func (s *series) persistentSign(strength float64) *sign {
	told := s.sign(classSelf, strength)
	told.size = min(1, s.worse()/(4*strangeDeviation))
	if !s.timed {
		told = s.sign(classError, strength)
		told.brief, told.verbatim = told.text, true
		return told
	}
	told.before, told.after, told.unit = 1000*secondsIn(s.unit)*told.before, 1000*secondsIn(s.unit)*told.after, "ms"
	return told
}
