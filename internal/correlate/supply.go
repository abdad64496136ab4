// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

const (
	// trendGrain is the least interval between two values of a trend: twenty of them then cover five
	// minutes at least, longer than short-lived allocations.
	trendGrain = 15 * model.Nanos(1e9)
	// soonEmpty is the time in seconds until a resource is used up from which on it opens an incident:
	// one hour leaves time to act, and is as long as a baseline.
	soonEmpty = 3600
	// settling is how long a program that starts fills its memory: heaps grow and caches fill.
	settling = 900 * model.Nanos(1e9)
	// leastSeen is for how many seconds memory must rise: a garbage collector may not run for a long time
	// after the start.
	leastSeen = 1800
	// lookBack bounds a forecast that opens an incident by itself: it reaches as far ahead as the line
	// has been observed, times lookBack.
	lookBack = 1
	// beyondHigh is how much further than ever before, as a share of what was left, the use must be, to
	// show that it does not turn this time.
	beyondHigh = 0.05
	// horizon is the farthest forecast: a day, because load follows the hour of the day.
	horizon = 86400
)

// supply is a resource that can run out; its metric is either what is used of a limit, or what is
// left.
type supply struct {
	limit   float64 // of what is used; 0 if the metric is what is left
	left    bool    // the metric is what is left
	on      string  // mount point or volume
	trend   baseline.Trend
	added   model.Nanos
	first   model.Nanos // time of the first value in the trend
	settles bool        // it grows while the program that uses it starts
	// high is the largest use before the newest values; latest and earlier are those of the two newest
	// groups of minTrend values, which are not part of high yet. A use that rises and falls repeatedly,
	// such as memory that is freed now and then, is only expected to reach its limit if it exceeds high.
	high, earlier, latest float64
	n                     int
}

// supplyOf recognizes metrics of resources that can run out, by the names of the semantic conventions;
// nil for others.
func supplyOf(m *model.Metric, attributes model.Attributes) *supply {
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(m.Name, w) {
				return true
			}
		}
		return false
	}
	state, on := attributes.FirstText("state", semconv.SystemMemoryState, semconv.SystemFilesystemState), ""
	if !has("memory") {
		on = attributes.FirstText("mountpoint", semconv.SystemFilesystemMountpoint, semconv.K8sVolumeName, "device", semconv.SystemDevice)
	}
	none := math.Inf(-1)
	found := &supply{on: bound.Copy(on), high: none, earlier: none, latest: none, settles: has("memory")}
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

// used is the use that counts towards the limit.
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
	if s.n++; s.n%baseline.MinTrend == 0 {
		s.high, s.earlier, s.latest = max(s.high, s.earlier), s.latest, math.Inf(-1)
	}
	s.latest = max(s.latest, y)
	s.trend.Add(y, t)
}

// until estimates in how many seconds it is used up, at the earliest and at the latest.
func (s *supply) until(x float64) (earliest, latest float64, ok bool) {
	y := s.used(x)
	if turned := !math.IsInf(s.high, -1); turned && y <= s.high+beyondHigh*(s.limit-s.high) {
		return 0, 0, false
	}
	earliest, latest, ok = s.trend.Until(s.limit, y)
	return earliest, latest, ok && latest <= horizon
}

// scarce reports whether half of the limit is used. For metrics of what is left the limit is unknown.
func (s *supply) scarce(x float64) bool { return s.left || x >= s.limit/2 }

// supplySign makes an anomaly of a resource that will be used up within the hour.
func (d *seriesDetector) supplySign(s *series) *sign {
	if s.supply == nil || !s.supply.scarce(s.newest) || d.time.Now > s.last+model.Nanos(baseline.Recent)*d.time.Width() {
		return nil
	}
	earliest, latest, ok := s.supply.until(s.newest)
	if seen := s.supply.seen(s.last); !ok || latest > soonEmpty || latest > lookBack*seen || s.supply.settles && seen < leastSeen {
		return nil
	}
	line := &s.supply.trend
	g := &sign{
		key:   signKey{service: s.service.name, class: classResource, what: s.name, peer: "trend"},
		onset: s.last - min(s.last, model.Nanos(baseline.MinTrend)*trendGrain), last: s.last, strength: line.Strength(),
		before: s.supply.used(line.First), after: s.newest, unit: s.unit, count: line.N, pod: s.service.pod, node: s.service.node,
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

// seen is for how many seconds the trend has been observed.
func (s *supply) seen(t model.Nanos) float64 {
	from := s.first
	if s.settles {
		from += settling
	}
	return float64(t-min(t, from)) / 1e9
}

// supplyWord names the resource.
func supplyWord(s *series) string {
	for _, word := range [...]string{"filesystem", "volume", "memory", "disk"} {
		if strings.Contains(s.name, word) {
			return strings.TrimSpace(capital(word) + " " + s.supply.on)
		}
	}
	return s.name
}

// predictions lists when resources of the affected services will be used up, where their use follows a
// line.
func (ms *measures) predictions(g *group) []model.Prediction {
	var list []model.Prediction
	for _, held := range ms.series.All() {
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
			Probability: baseline.MinFit,
			Entity:      serviceEntity(s.service.name),
			Evidence:    []model.EvidenceRef{{Kind: model.EvidenceMetric, ID: s.id, Time: s.last, Description: "follows a line"}},
		})
	}
	return list
}

// span formats a number of seconds for people.
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
