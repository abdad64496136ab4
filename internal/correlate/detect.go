// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

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
		if s != nil && s.strength >= hintStrength {
			s.strength = min(s.strength, maxStrength)
			signs = append(signs, s)
			return
		}
		e.noteFaint(s)
	}
	for _, o := range e.graph.operations.all() {
		if slot-(*o).runs.head < recentSlots {
			e.detectOperation(*o, slot, add)
		}
	}
	usual := e.usualWay()
	for key, c := range e.graph.calls.all() {
		if slot-(*c).gap.head < recentSlots {
			add(e.youngEdgeSign(key, *c, slot, usual))
		}
	}
	e.anomalySigns(slot, add)
	for _, s := range e.series.all() {
		add(e.seriesSign(*s, slot))
		e.noteFaint(e.faintSeriesSign(*s))
		add(e.supplySign(*s))
	}
	e.silenceSigns(add)
	e.standstillSigns(slot, add)
	for _, s := range e.graph.services.all() {
		add(e.releaseSign(*s, slot))
	}
	for key, l := range e.lines.all() {
		again := e.lineSign(key, *l, slot)
		add(again)
		if (*l).restarts && (again == nil || again.strength < hintStrength) {
			add(e.restartSign(*l, slot))
		}
	}
	for _, held := range e.graph.services.all() {
		add(e.trafficSign(*held, slot))
	}
	for _, f := range e.flows.all() {
		add(e.flowSign(*f, slot))
	}
	for _, s := range repeated(e.kernel) {
		add(s)
	}
	for _, s := range e.nodes.anomalies(e) {
		add(s)
	}
	slices.SortStableFunc(signs, func(a, b *sign) int { return cmp.Or(compareSigns(a, b), cmp.Compare(b.strength, a.strength)) })
	return e.commonNames(e.commonCallees(e.poolSigns(distinct(signs))))
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

func (e *Engine) detectOperation(o *operation, slot int64, add func(*sign)) {
	o.runs.advance(slot)
	o.self.advance(slot)
	o.callFails.advance(slot)
	add(e.selfSign(o))
	add(e.idleSign(o))
	for _, f := range o.order {
		switch f.kind {
		case featureError, featureFailure:
			if o.key.kind != kindClient || f.kind != featureError { // failed calls are evidence about the callee, see dependency
				add(e.failureSign(o, f))
			}
		case featureEnd:
			add(e.endSign(o, f))
		default:
			add(e.pathSign(o, f))
		}
	}
}

func (e *Engine) newSign(s *service, c class, what, peer string, ch change) *sign {
	return &sign{
		key:      signKey{service: s.name, class: c, what: what, peer: peer},
		onset:    e.timeOf(ch.slot),
		last:     e.now,
		strength: ch.ratio,
		count:    int(ch.after.n),
		pod:      s.pod,
		node:     s.node,
		label:    s.label,
	}
}

func (s *sign) shares(ch change) {
	s.before, s.after = share(ch.before.sum, ch.before.n), share(ch.after.sum, ch.after.n)
	s.unit = "ratio"
}

// locate sets the place in the source code, if it is known.
func (s *sign) locate(place string) {
	if place != "" {
		s.subject = codeEntity(s.key.service, place)
	}
}

// faintSeriesSign makes an anomaly of a metric that changed within its normal range.
func (e *Engine) faintSeriesSign(s *series) *sign {
	if !e.asking() || s.strange > 0 || s.last < e.config.Asked.Start || s.last > e.config.Asked.End || s.worse() == 0 {
		return nil
	}
	c := s.class
	if c == classResource {
		c = classLoad
	}
	found := s.sign(c, min(s.worse()*s.worse(), noAlarm))
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

func clipped(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// strongest orders anomalies by strength, the strongest first.
func strongest(a, b *sign) int {
	return cmp.Or(cmp.Compare(b.strength, a.strength), compareSigns(a, b))
}
