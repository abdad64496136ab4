// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

const (
	// trendGrain is how often a value joins a trend at most: twenty of them are
	// then never less than five minutes, longer than what takes memory for a moment.
	trendGrain = 15 * model.Nanos(1e9)
	// soonEmpty is from when on what runs out is reason enough for an incident: an
	// hour is time to find somebody and to act, and as long as a baseline lasts.
	soonEmpty = 3600
	// settling is how long what starts fills its memory: heaps grow and caches fill.
	settling = 900 * model.Nanos(1e9)
	// leastSeen is for how many seconds memory must rise: collectors of garbage let it rise for
	// long before they clear it the first time.
	leastSeen = 1800
	// lookBack is for how many times as long as it was seen a line is trusted to go on, when
	// it alone opens an incident.
	lookBack = 1
	// beyondHigh is how much further than ever before, as a share of what was left
	// then, shows that it does not turn this time.
	beyondHigh = 0.05
	// horizon is how far a line is trusted: a day, for load follows the hour.
	horizon = 86400
)

// supply is what can run out, as what is used of a limit or as what is left.
type supply struct {
	limit   float64 // of what is used; 0 for what is left
	left    bool    // the values are what is left
	on      string  // mount point or volume
	trend   trend
	added   model.Nanos
	first   model.Nanos // from which on it was added
	settles bool        // it grows while what uses it starts
	// high is the most that was used before the newest values, latest and earlier
	// those of the two stretches of minTrend values that are not in it yet. What rises and
	// falls again and again, as memory that is cleared now and then, is on its way to
	// its limit only beyond where it turned before.
	high, earlier, latest float64
	n                     int
}

// supplyOf says whether a metric tells of something that runs out, by the names of
// the semantic conventions; nil if not.
func supplyOf(m *model.Metric, attributes model.Attributes) *supply {
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(m.Name, w) {
				return true
			}
		}
		return false
	}
	state, on := firstOf(attributes, "state", semconv.SystemMemoryState, semconv.SystemFilesystemState), ""
	if !has("memory") {
		on = firstOf(attributes, "mountpoint", semconv.SystemFilesystemMountpoint, semconv.K8sVolumeName, "device", semconv.SystemDevice)
	}
	none := math.Inf(-1)
	found := &supply{on: kept(on), high: none, earlier: none, latest: none, settles: has("memory")}
	switch {
	case has("filesystem", "volume") && state == "free", has("filesystem", "volume", "memory") && strings.HasSuffix(m.Name, ".available"):
		found.left = true
	case !has("utilization") || !has("memory", "disk", "filesystem", "volume") || (state != "" && state != "used"):
		return nil
	case m.Unit == "%":
		found.limit = 100
	case m.Unit == "1":
		found.limit = 1
	default:
		return nil
	}
	return found
}

func firstOf(attributes model.Attributes, keys ...string) string {
	for _, key := range keys {
		if v, found := attributes.Get(key); found {
			return v.Text()
		}
	}
	return ""
}

// used is what counts towards the limit.
func (s *supply) used(x float64) float64 {
	if s.left {
		return -x
	}
	return x
}

func (s *supply) add(x float64, t model.Nanos) {
	if s == nil || t < s.added+trendGrain {
		return
	}
	if s.first == 0 {
		s.first = t
	}
	s.added = t
	if s.settles && t < s.first+settling {
		return
	}
	y := s.used(x)
	if s.n++; s.n%minTrend == 0 {
		s.high, s.earlier, s.latest = max(s.high, s.earlier), s.latest, math.Inf(-1)
	}
	s.latest = max(s.latest, y)
	s.trend.add(y, t)
}

// until says in how many seconds it is used up, at the earliest and at the latest.
func (s *supply) until(x float64) (earliest, latest float64, ok bool) {
	y := s.used(x)
	if turned := !math.IsInf(s.high, -1); turned && y <= s.high+beyondHigh*(s.limit-s.high) {
		return 0, 0, false
	}
	earliest, latest, ok = s.trend.until(s.limit, y)
	return earliest, latest, ok && latest <= horizon
}

// scarce reports whether half of the limit is used; of what is left nobody says
// what half of it is.
func (s *supply) scarce(x float64) bool { return s.left || x >= s.limit/2 }

// supplySign tells that something runs out within the hour.
func (e *Engine) supplySign(s *series) *sign {
	if s.supply == nil || !s.supply.scarce(s.newest) || e.now > s.last+model.Nanos(recentSlots)*e.slotWidth() {
		return nil
	}
	earliest, latest, ok := s.supply.until(s.newest)
	if seen := s.supply.seen(s.last); !ok || latest > soonEmpty || latest > lookBack*seen || s.supply.settles && seen < leastSeen {
		return nil
	}
	line := &s.supply.trend
	g := &sign{
		key:   signKey{service: s.service.name, class: classResource, what: s.name, peer: "trend"},
		onset: s.last - min(s.last, model.Nanos(minTrend)*trendGrain), last: s.last, strength: line.strength(),
		before: s.supply.used(line.first), after: s.newest, unit: s.unit, count: line.n, pod: s.service.pod, node: s.service.node,
		text: fmt.Sprintf("%s of %s rises along a line, is at %s and will be used up between %s and %s", supplyWord(s), s.service.name,
			quantity(s.newest, s.unit), clock(s.last+model.Nanos(earliest*1e9)), clock(s.last+model.Nanos(latest*1e9))),
		brief: fmt.Sprintf("%s of %s will be used up in %s", supplyWord(s), s.service.name, span(earliest)),
		evidence: []model.EvidenceRef{{
			Kind: model.EvidenceMetric, ID: s.id, Time: s.last, Description: "rises along a line",
		}},
		on: supplyWord(s), usedUp: s.last + model.Nanos(earliest*1e9),
	}
	if s.supply.left {
		g.text = strings.Replace(g.text, "rises along a line, is at", "falls along a line, has", 1)
		g.text = strings.Replace(g.text, " and will be", " left and will be", 1)
		g.evidence[0].Description = "falls along a line"
	}
	return g
}

// seen is for how many seconds its line was seen.
func (s *supply) seen(t model.Nanos) float64 {
	from := s.first
	if s.settles {
		from += settling
	}
	return float64(t-min(t, from)) / 1e9
}

// supplyWord names what runs out.
func supplyWord(s *series) string {
	for _, word := range [...]string{"filesystem", "volume", "memory", "disk"} {
		if strings.Contains(s.name, word) {
			return strings.TrimSpace(capital(word) + " " + s.supply.on)
		}
	}
	return s.name
}

// predictions says when a resource of a touched service runs out, where its use
// follows a line; without such a trend there is none.
func (e *Engine) predictions(g *group) []model.Prediction {
	var list []model.Prediction
	for _, held := range e.series.all() {
		s := *held
		if s.supply == nil || !g.concerns(s.service.name) {
			continue
		}
		earliest, latest, ok := s.supply.until(s.newest)
		if !ok {
			continue
		}
		list = append(list, model.Prediction{
			Description: fmt.Sprintf("%s of %s is used up in %s to %s (%s is %s now)",
				supplyWord(s), s.service.name, span(earliest), span(latest), s.name, quantity(s.newest, s.unit)),
			Expected:    model.TimeRange{Start: s.last + model.Nanos(earliest*1e9), End: s.last + model.Nanos(latest*1e9)},
			Probability: minFit,
			Entity:      serviceEntity(s.service.name),
			Evidence:    []model.EvidenceRef{{Kind: model.EvidenceMetric, ID: s.id, Time: s.last, Description: "follows a line"}},
		})
	}
	return list
}

// span says a stretch of seconds as people do.
func span(seconds float64) string {
	d := time.Duration(seconds * 1e9)
	switch {
	case d < 90*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}
