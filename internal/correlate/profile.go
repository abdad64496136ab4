// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/hotspot"
	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/correlate/logtemplate"
	"github.com/tapio/tapio/internal/correlate/report"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// ObserveProfiles takes profiles in any order of time. They open no incident; they show which code of
// the cause is responsible.
func (e *Engine) ObserveProfiles(profiles []model.Profile) {
	for i := range profiles {
		p := &profiles[i]
		if p.Time < bucket.MinTime || p.Time > bucket.MaxTime {
			e.time.Late++
			continue
		}
		if o := e.places.Of(p.Resource); o.Service != "" {
			e.hotspots.Observe(o.Service, p)
		}
	}
	e.places.Forget()
}

// profiled looks for the function that explains the cause of a group, until one is found.
func (de *describer) profiled(g *group) {
	if g.doing != nil && g.doing.service == g.cause() || g.place != nil || len(g.ranking) == 0 {
		return
	}
	found := de.doing(g)
	g.changed = g.changed || found != nil || g.doing != nil
	g.doing = found
}

// doing is a function of the cause whose cost grew.
type doing struct {
	service string
	onset   model.Nanos
	hotspot.Growth
}

// doing returns the function of the cause whose share grew with it, nil for none.
func (de *describer) doing(g *group) *doing {
	until := de.time.Now
	if g.over != 0 {
		until = g.over
	}
	service := g.cause()
	for _, s := range g.ofService(service) {
		for _, measure := range measuresOf(s) {
			if growth, found := de.hotspots.Grown(service, measure, s.onset, until); found {
				return &doing{service: service, onset: s.onset, Growth: growth}
			}
		}
	}
	return nil
}

// measuresOf returns the kinds of profiles that can explain an anomaly: CPU time for code that is slow
// or short of CPU, waiting time for code that waits.
func measuresOf(s *sign) []hotspot.Measure {
	onCPU, waiting := hotspot.OnCPU, hotspot.Waiting
	switch s.key.class {
	case classSelf:
		if !s.dependency && !s.lag {
			return []hotspot.Measure{onCPU, waiting}
		}
	case classKernel:
		if k := s.kernel; k != nil && k.rule.Kind == kernelrule.SlowSyscall {
			return []hotspot.Measure{waiting}
		} else if k != nil && k.rule.Kind == kernelrule.Throttling {
			return []hotspot.Measure{onCPU}
		}
	case classResource, classSymptom, classLoad:
		words := strings.FieldsFunc(strings.ToLower(s.key.what), func(r rune) bool { return r == '.' || r == '_' || r == ' ' })
		has := func(list ...string) bool {
			return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(list, word) })
		}
		switch {
		case has("cpu", "gc", "pause", "throttled", "throttling"):
			return []hotspot.Measure{onCPU}
		case has("lock", "locks", "mutex", "contention", "wait", "blocked", "iowait"):
			return []hotspot.Measure{waiting}
		}
	default: // no profile explains the other classes
	}
	return nil
}

// place is the function with its place in the source code.
func (d *doing) place() string {
	line := ""
	if d.Line > 0 {
		line = strconv.FormatInt(d.Line, 10)
	}
	return logtemplate.ShownPlace(d.Function.Name, d.Function.File, line)
}

// fact is the function as a fact for the report.
func (d *doing) fact() report.Fact {
	return report.Fact{
		Kind: report.FactProfile, Service: d.service, What: d.Function.Name, Before: d.Before, After: d.After, Unit: d.Kind, Onset: d.onset,
		Code: d.place(), Evidence: []model.EvidenceRef{d.evidence()},
		Profile: report.Profile{
			Waiting: d.Measure == hotspot.Waiting, SeenBefore: d.SeenBefore, SeenAfter: d.SeenAfter, Before: d.BeforeSpan, After: d.AfterSpan,
		},
	}
}

// evidence refers to the profiles.
func (d *doing) evidence() model.EvidenceRef {
	return model.EvidenceRef{
		Kind: model.EvidenceProfile, ID: fmt.Sprintf("%s{%s=%q}", d.Kind, semconv.ServiceName, d.service), Time: d.AfterSpan.Start,
	}
}

// addTo adds the function to a root cause.
func (d *doing) addTo(rc *model.RootCause) {
	fact := d.fact()
	ref := fact.Evidence[0]
	ref.Description = fact.Text()
	rc.Evidence = append(rc.Evidence, ref)
	factor := &rc.Factors[0]
	factor.Evidence = sortedEvidence(append(factor.Evidence, ref))
	code := logtemplate.CodeEntity(d.service, d.place())
	factor.Within = slices.DeleteFunc(factor.Within, func(of model.Entity) bool { return of.Kind == code.Kind && of.Name == code.Name })
	factor.Within = append([]model.Entity{code}, factor.Within...)
}
