// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/logtemplate"
	"github.com/tapio/tapio/internal/correlate/report"
	"github.com/tapio/tapio/internal/model"
)

const (
	// leastRise and leastMillis are the least rise of a duration that matters, as a logarithm (by half)
	// and in milliseconds.
	leastRise   = 0.405
	leastMillis = 20
)

// detect returns all anomalies at the end of a bucket.
func (e *Engine) detect(slot int64) []*sign {
	var signs []*sign
	add := func(s *sign) {
		if s != nil && s.strength >= baseline.HintStrength {
			s.strength = min(s.strength, baseline.MaxStrength)
			signs = append(signs, s)
			return
		}
		e.query.noteFaint(s)
	}
	for _, o := range e.graph.operations.All() {
		if slot-(*o).runs.Head < baseline.Recent {
			e.runs.detectOperation(*o, slot, add)
		}
	}
	usual := e.runs.usualWay()
	for key, c := range e.graph.calls.All() {
		if slot-(*c).gap.Head < baseline.Recent {
			add(e.runs.youngEdgeSign(key, *c, slot, usual))
		}
	}
	e.runs.anomalySigns(slot, add)
	for _, s := range e.measures.series.All() {
		add(e.metrics.seriesSign(*s, slot))
		e.query.noteFaint(e.query.faintSeriesSign(*s))
		add(e.metrics.supplySign(*s))
	}
	e.metrics.silenceSigns(add)
	e.metrics.standstillSigns(slot, add)
	for _, s := range e.graph.services.All() {
		add(e.runs.releaseSign(*s, slot))
	}
	for key, l := range e.logbook.lines.All() {
		again := e.logs.lineSign(key, *l, slot)
		add(again)
		if (*l).restarts && (again == nil || again.strength < baseline.HintStrength) {
			add(e.logs.restartSign(*l, slot))
		}
	}
	for _, held := range e.graph.services.All() {
		add(e.runs.trafficSign(*held, slot))
	}
	for _, f := range e.logbook.flows.All() {
		add(e.logs.flowSign(*f, slot))
	}
	for _, s := range repeated(e.kernel.pending) {
		add(s)
	}
	for _, s := range e.measures.nodes.anomalies(e.time) {
		add(s)
	}
	slices.SortStableFunc(signs, func(a, b *sign) int { return cmp.Or(compareSigns(a, b), cmp.Compare(b.strength, a.strength)) })
	return e.runs.commonNames(e.runs.commonCallees(e.metrics.poolSigns(distinct(signs))))
}

// repeated merges kernel anomalies that differ only in time. The result has the time of the newest
// one.
func repeated(kernel []*sign) []*sign {
	var list []*sign
	at := make(map[signKey]int, len(kernel))
	for _, s := range kernel {
		i, found := at[s.key]
		if !found {
			at[s.key], list = len(list), append(list, s)
			continue
		}
		if first := *list[i]; s.last > first.last {
			first.last, list[i] = s.last, &first
		}
	}
	return list
}

// distinct keeps the strongest anomaly of each key, because two detectors may find the same change.
func distinct(signs []*sign) []*sign {
	best := make(map[signKey]*sign, len(signs))
	for _, s := range signs {
		if old := best[s.key]; old == nil || s.strength > old.strength {
			if old != nil {
				s.also(old.keepOut)
			}
			best[s.key] = s
		} else {
			old.also(s.keepOut)
		}
	}
	return slices.DeleteFunc(signs, func(s *sign) bool { return best[s.key] != s })
}

// also keeps the values of a second anomaly of the same change out of the baselines, too.
func (s *sign) also(keepOut func()) {
	own := s.keepOut
	switch {
	case keepOut == nil:
	case own == nil:
		s.keepOut = keepOut
	default:
		s.keepOut = func() { own(); keepOut() }
	}
}

func (rd *runDetector) detectOperation(o *operation, slot int64, add func(*sign)) {
	o.runs.Advance(slot)
	o.self.Advance(slot)
	o.callFails.Advance(slot)
	add(rd.selfSign(o))
	add(rd.idleSign(o))
	for _, f := range o.order {
		switch f.kind {
		case featureError, featureFailure:
			if o.key.kind != kindClient || f.kind != featureError { // failed calls are evidence about the callee, see dependency
				add(rd.failureSign(o, f))
			}
		case featureEnd:
			add(rd.endSign(o, f))
		default:
			add(rd.pathSign(o, f))
		}
	}
}

func newSign(tl *bucket.Time, s *service, c class, what, peer string, ch baseline.ChangePoint) *sign {
	return &sign{
		key:      signKey{service: s.name, class: c, what: what, peer: peer},
		onset:    tl.Start(ch.Bucket),
		last:     tl.Now,
		strength: ch.Ratio,
		count:    int(ch.After.N),
		pod:      s.pod,
		node:     s.node,
		label:    s.label,
	}
}

func (s *sign) shares(ch baseline.ChangePoint) {
	s.before, s.after = baseline.Share(ch.Before.Sum, ch.Before.N), baseline.Share(ch.After.Sum, ch.After.N)
	s.unit = "ratio"
}

// locate sets the place in the source code, if it is known.
func (s *sign) locate(place string) {
	if place != "" {
		s.subject = logtemplate.CodeEntity(s.key.service, place)
	}
}

// faintSeriesSign makes an anomaly of a metric that changed within its normal range.
func (q *query) faintSeriesSign(s *series) *sign {
	if !q.asking() || s.strange > 0 || s.last < q.config.Asked.Start || s.last > q.config.Asked.End || s.worse() == 0 {
		return nil
	}
	c := s.class
	if c == classResource {
		c = classLoad
	}
	found := s.sign(c, min(s.worse()*s.worse(), baseline.NoAlarm))
	found.onset, found.count = s.last, 1
	return found
}

// worse returns by how many standard deviations the newest value is worse than the baseline, and 0 if
// the spread is not known.
func (s *series) worse() float64 {
	if s.class != classLoad && s.deviation < 0 && !strings.Contains(s.name, "success") {
		return 0 // lower utilization or less waiting is no fault
	}
	if math.IsNaN(s.deviation) {
		return 0
	}
	return math.Abs(s.deviation)
}

// sign makes an anomaly of the newest value of the series.
func (s *series) sign(c class, strength float64) *sign {
	return &sign{
		key:   signKey{service: s.service.name, class: c, what: s.name},
		onset: s.onset, last: s.last, strength: strength, before: s.median, after: s.newest, count: s.strange,
		unit: s.unit, pod: cmp.Or(s.pod, s.service.pod), node: cmp.Or(s.node, s.service.node),
		text: s.sentence(),
		evidence: []model.EvidenceRef{{
			Kind: model.EvidenceMetric, ID: s.id, Time: s.last,
			Description: fmt.Sprintf("%s is %s (baseline %s)", s.name, quantity(s.newest, s.unit), quantity(s.median, s.unit)),
		}},
	}
}

// sentence describes the newest value, for a resource by its common name.
func (s *series) sentence() string {
	figures := fmt.Sprintf("of %s is %s instead of %s", s.service.name, quantity(s.newest, s.unit), quantity(s.median, s.unit))
	if word := report.ResourceWord(s.name); s.class == classResource && word != s.name {
		return fmt.Sprintf("%s %s (%s)", word, figures, s.name)
	}
	return s.name + " " + figures
}

func millis(ms float64) string {
	if ms >= 1000 {
		return fmt.Sprintf("%.2f s", ms/1000)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

func percent(ratio float64) string { return fmt.Sprintf("%.0f %%", 100*ratio) }

func quantity(x float64, unit string) string {
	switch unit {
	case "1":
		return fmt.Sprintf("%.1f %%", 100*x)
	case "By":
		return fmt.Sprintf("%.1f MiB", x/(1<<20))
	case "s":
		return millis(1000 * x)
	}
	return report.Quantity(x, unit)
}

// strongest orders anomalies by strength, the strongest first.
func strongest(a, b *sign) int {
	return cmp.Or(cmp.Compare(b.strength, a.strength), compareSigns(a, b))
}
