// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math"

	"github.com/tapio/tapio/internal/model"
)

const (
	seasonHours = 24
	hour        = 3600 * model.Nanos(1e9)
	// seasonAge is how long a series must be known before its hours of the day are learned: most series
	// are gone earlier.
	seasonAge = hour
	// seasonDays is the least number of days on which an hour must have been seen: a single day may be an
	// exception.
	seasonDays = 2
	// seasonMemory is about how many days count.
	seasonMemory = 4
	// meanDeviation converts the mean absolute deviation of a normal distribution into its standard
	// deviation.
	meanDeviation = 1.2533
	// seasonClip bounds in spreads how far a value may move the baseline of an hour, so that the fault of
	// one day does not become a habit.
	seasonClip = 3
)

// season holds the values of a long-lived series for each hour of the day (UTC). Load follows the time
// of day, and backups run at night: a value that deviates from the last hour but not from the same
// hour of other days is no anomaly.
type season struct {
	hours [seasonHours]hourOfDay
	// now is the hour that goes on.
	now     int64 // hours since the epoch
	n       float32
	sum     float32
	strayed float32 // sum of the distances from the hour's baseline
}

// hourOfDay is the baseline of one hour.
type hourOfDay struct {
	level, spread float32
	days          float32
}

// learn adds a value, even if it deviates: what happens every day could not be learned otherwise.
func (s *season) learn(x float64, t model.Nanos) {
	if at := int64(t / hour); at != s.now {
		s.endHour()
		s.now, s.n, s.sum, s.strayed = at, 0, 0, 0
	}
	s.n++
	s.sum += float32(x)
	base := s.sum / s.n
	if h := &s.hours[s.now%seasonHours]; h.days > 0 {
		base = h.level
	}
	s.strayed += float32(math.Abs(x - float64(base)))
}

func (s *season) endHour() {
	if s.n == 0 {
		return
	}
	h := &s.hours[s.now%seasonHours]
	level, spread := s.sum/s.n, s.strayed/s.n
	if h.days >= seasonDays {
		most := seasonClip * max(h.spread, looseness*abs32(h.level))
		level = min(max(level, h.level-most), h.level+most)
		spread = min(spread, most)
	}
	h.days = min(h.days+1, seasonMemory)
	h.level += (level - h.level) / h.days
	h.spread += (spread - h.spread) / h.days
}

func abs32(x float32) float32 { return float32(math.Abs(float64(x))) }

// usual returns the baseline at a time of day: the range between the baselines of the two hours whose
// middles enclose it, because the minute at which the load changes is unknown. ok is false if it is
// not known.
func (s *season) usual(t model.Nanos) (low, high, spread float64, ok bool) {
	first := int((t%(seasonHours*hour) + seasonHours*hour - hour/2) / hour)
	a, b := &s.hours[first%seasonHours], &s.hours[(first+1)%seasonHours]
	if a.days < seasonDays || b.days < seasonDays {
		return 0, 0, 0, false
	}
	return float64(min(a.level, b.level)), float64(max(a.level, b.level)), meanDeviation * float64(max(a.spread, b.spread)), true
}

// seasonal compares a value that deviates from the last hour with the time of day.
func (s *series) seasonal(x float64, t model.Nanos) {
	if s.season == nil {
		if s.rhythm.first == 0 || t < s.rhythm.first+seasonAge {
			return
		}
		s.season = &season{}
	}
	if low, high, spread, ok := s.season.usual(t); ok {
		near := min(max(x, low), high)
		by := (x - near) / max(spread, looseness*math.Abs(near), s.floor)
		if math.Abs(by) < math.Abs(s.deviation) {
			s.deviation, s.median = by, near
		}
	}
	s.season.learn(x, t)
}
