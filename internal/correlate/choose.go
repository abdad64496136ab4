// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/failure"
	"github.com/tapio/tapio/internal/correlate/logtemplate"
	"github.com/tapio/tapio/internal/correlate/report"
	"github.com/tapio/tapio/internal/model"
)

// reasonOf returns the anomaly that names a candidate's mechanism. Usually it is the strongest one. If
// that is a skipped step, an error logged by the code is preferred; of kernel events, the one that led
// to the others.
func (g *group) reasonOf(r *ranked) *sign {
	own := g.ofService(r.service)
	if r.reason.key.class == classKernel {
		for _, s := range own {
			if s.key.class == classKernel && s.strength >= baseline.AlarmStrength && leadsTo(s, r.reason) {
				return s
			}
		}
	}
	if r.reason.dependency && r.reason.key.peer == r.service {
		for _, s := range own { // its calls wait for a free connection of its own pool
			if s.from == r.service && failure.ClassOf(s.quote) == failure.Pool {
				return s
			}
		}
	}
	if r.reason.key.class != classPath {
		return r.reason
	}
	for _, s := range own {
		if (s.quotes() || s.from != "" && s.quote != "") && s.strength >= baseline.AlarmStrength && near(s.onset, r.reason.onset) {
			return s
		}
	}
	return r.reason
}

// quotedReason is the reason of an affected service: if its requests fail, the error that it logs
// about it.
func (g *group) quotedReason(r *ranked) *sign {
	reason := g.reasonOf(r)
	if reason.key.class != classError || reason.quotes() {
		return reason
	}
	for _, s := range g.ofService(r.service) {
		if s.quotes() && s.strength >= baseline.HintStrength && near(s.onset, reason.onset) {
			return s
		}
	}
	return reason
}

// quoteCaller adds the error that the caller logs about the callee to a fact "calls fail", if metrics
// do not show how they fail.
func (g *group) quoteCaller(f *report.Fact) {
	if f.Kind != report.FactCallsFail || f.Quote != "" {
		return
	}
	for _, s := range g.signs() {
		if s.key.service == f.Peer && s.key.class == classError && s.from == "" && s.complainsOf(f.Service) {
			f.Quote = cmp.Or(s.quote, logtemplate.Message(s.key.what))
			return
		}
	}
}

// maxFurther is the most facts that support the first one.
const maxFurther = report.MaxEvidence - 1

// further chooses the facts that support the reason: first errors logged by the code and changes
// (releases), then one anomaly of each class, since three skipped steps are no more evidence than one.
// Steps that are skipped because of a failure are left out. Each kernel event is a fact of its own.
func further(reason *sign, own []*sign) []*sign {
	listed := map[class]bool{reason.key.class: true, classLoad: true, classPath: reason.key.class == classError}
	var list []*sign
	for _, pick := range [...]func(*sign) bool{
		(*sign).quotes,
		func(s *sign) bool { return s.key.what == releaseWhat },
		func(s *sign) bool { return (s.key.class == classKernel || !listed[s.key.class]) && !s.counted() },
	} {
		for _, s := range own {
			if s != reason && len(list) < maxFurther && pick(s) && !slices.Contains(list, s) {
				listed[s.key.class] = true
				list = append(list, s)
				if s.quotes() {
					break // one error about this subject is enough
				}
			}
		}
	}
	return list
}

// quotes reports whether the anomaly has an error text written by the service.
func (s *sign) quotes() bool {
	return s.key.class == classError && s.brief == "" && s.key.what != "fails"
}

// counted reports whether it comes from a kernel metric that repeats what kernel events show.
func (s *sign) counted() bool {
	return s.key.class != classKernel && strings.HasPrefix(s.key.what, "tapio.")
}

// releasedWithin is for how long after a release anomalies of the service count as its effect: a
// rollout takes minutes, and each new instance is only judged when it is warm.
const releasedWithin = 2*together + warmUp - 60*model.Nanos(1e9)

// released returns the release of the cause that began shortly before the incident, or nil.
func (g *group) released() *sign {
	first := g.ranking[0]
	for _, s := range g.ofService(first.service) {
		if s.key.what == releaseWhat && s.onset <= first.onset+together && s.onset+releasedWithin >= first.onset {
			return s
		}
	}
	return nil
}

// traceOf returns the trace of a span that is evidence, "" for none.
func traceOf(own []*sign) string {
	for _, s := range own {
		for _, ref := range s.evidence {
			if trace, _, found := strings.Cut(ref.ID, ":"); found && ref.Kind == model.EvidenceSpan {
				return trace
			}
		}
	}
	return ""
}
