// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/lru"
	"github.com/tapio/tapio/internal/model"
)

const (
	// leastExhausted is how long a resource must be exhausted to be a cause: a program that starts, or a
	// batch of requests, may use a CPU completely for a moment.
	leastExhausted = 80 * model.Nanos(1e9)
	// persistent is how many values in a row, and for how long, a symptom must deviate to open an
	// incident of a service that has no other telemetry.
	persistent = 3
	// worseBy is the least ratio of such a duration or error ratio to its median.
	worseBy = 1.5
	// beyondMost is the least ratio to the maximum of the baseline.
	beyondMost = 1.2
	// burstTimes bursts within burstWindow are a habit, if they are at most burstLevel times as high and
	// burstLength times as long as those before.
	burstTimes  = 2
	burstWindow = 6 * hour
	burstLevel  = 1.5
	burstLength = 2
	// overloaded is the least ratio of requests to the baseline that explains a higher use of resources,
	// leastSurge their least number.
	overloaded = 2
	leastSurge = 100
)

// seriesDetector finds anomalies in the series of metrics.
type seriesDetector struct {
	time     *bucket.Time
	graph    *graph
	topology *topology
	series   *lru.Table[seriesKey, *series]
}

// bursts are deviations of a series that ended by themselves.
type bursts struct {
	ends    [burstTimes]model.Nanos // the newest last
	longest model.Nanos
	most    float64 // of those that ended
	now     float64 // of the current one
}

// maxBursts bounds the metrics of a service whose replicas share their bursts.
const maxBursts = 16

// burstsOf returns the bursts of a series or, for a resource, those of all replicas of its service.
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

// usual reports whether a burst is a habit.
func (b *bursts) usual(t, length model.Nanos) bool {
	return b != nil && b.ends[0] != 0 && b.ends[0]+burstWindow > t && b.now <= burstLevel*b.most && float64(length) <= burstLength*float64(b.longest)
}

// seriesSign makes an anomaly of a metric that deviates.
func (d *seriesDetector) seriesSign(s *series, slot int64) *sign {
	if s.folded || s.strange == 0 || d.time.Start(slot) > s.last+model.Nanos(baseline.Recent)*d.time.Width() {
		return nil
	}
	if s.class == classSymptom && s.worse() == 0 {
		return nil
	}
	strength, lasted := s.strength(), s.last-min(s.last, s.onset)
	if s.strange >= 2 { // two deviating values in a row are no glitch
		strength += baseline.AlarmStrength - strangeDeviation*strangeDeviation
	}
	expected := s.expects(d.time.Of(s.onset), lasted)
	c := s.class
	switch {
	case c == classResource && s.exhausts() && s.deviation > 0 && !expected:
		found := s.sign(c, strength+baseline.AlarmStrength)
		// A single value may be a burst. Without a limit it is unknown how many cores may be used.
		found.supports = s.strange < 2 || lasted < leastExhausted || s.unlimited()
		d.describeOverload(s, found)
		return found
	case c == classSymptom && s.service.unseen(d.time.Now) && !expected && s.persists(lasted):
		return s.persistentSign(strength)
	case c == classResource:
		c = classLoad // more load, but not too much
		fallthrough
	default:
		strength = min(strength, baseline.NoAlarm)
	}
	return s.sign(c, strength)
}

// unlimited reports whether the values are cores in use, without a known limit.
func (s *series) unlimited() bool { return s.unit != "1" && s.unit != "%" }

// describeOverload adds to an anomaly that a higher load explains it.
func (d *seriesDetector) describeOverload(s *series, found *sign) {
	r := s.service.requests
	if r == nil || r.Old.N == 0 {
		return
	}
	since := d.time.Of(found.onset)
	recent, slots := 0.0, 0.0
	for at := max(since, r.Head-baseline.Recent+1); at < r.Head; at++ {
		recent += float64(r.At(at).N)
		slots++
	}
	usual := float64(r.Old.N) / max(float64(baseline.Remembered(d.time.Judged-baseline.Recent-d.time.Of(s.service.first)+1)), 1)
	if slots < baseline.LeastAfter || recent < leastSurge || recent/slots < overloaded*usual {
		return
	}
	found.surge = [2]float64{usual / d.time.Seconds(), recent / slots / d.time.Seconds()}
}

// expects reports whether the deviation is a habit of the series, and records it.
func (s *series) expects(began int64, lasted model.Nanos) bool {
	expected := s.habit.Expects(began, s.worse()) || s.bursts.usual(s.last, lasted)
	s.habit.Deviates(began, s.worse())
	return expected
}

// unseen reports whether a service sends no spans, so that its metrics are its only telemetry.
func (s *service) unseen(now model.Nanos) bool { return s.spanned == 0 || s.spanned+24*hour < now }

// persists reports whether the series deviates by much and for long.
func (s *series) persists(lasted model.Nanos) bool {
	if s.strange < persistent || lasted < leastExhausted || len(s.values) < standKnown || strings.Contains(s.name, "client") {
		return false // what clients measure is mostly an effect
	}
	if strings.Contains(s.name, "success") {
		return s.newest < s.median/worseBy && s.newest < float64(s.sorted[0])
	}
	most := float64(s.sorted[len(s.sorted)-1])
	return s.newest >= worseBy*s.median && s.newest >= beyondMost*most && s.newest-s.median >= s.floor
}

// persistentSign makes an anomaly of a service without other telemetry that is slow or fails.
func (s *series) persistentSign(strength float64) *sign {
	found := s.sign(classSelf, strength)
	found.size = min(1, s.worse()/(4*strangeDeviation))
	if !s.timed {
		found = s.sign(classError, strength)
		found.brief, found.verbatim = found.text, true
		return found
	}
	found.before, found.after, found.unit = 1000*secondsIn(s.unit)*found.before, 1000*secondsIn(s.unit)*found.after, "ms"
	return found
}
