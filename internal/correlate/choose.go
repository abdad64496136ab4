// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/failure"
	"github.com/tapio/tapio/internal/correlate/report"
	"github.com/tapio/tapio/internal/model"
)

// reasonOf is the sign that names a candidate's mechanism: its strongest or, where
// that is a step that is skipped and the code says why, what the code says; of what
// the kernel reports, what led to it.
func (g *group) reasonOf(r *ranked) *sign {
	own := g.ofService(r.service)
	if r.reason.key.class == classKernel {
		for _, s := range own {
			if s.key.class == classKernel && s.strength >= alarmStrength && leadsTo(s, r.reason) {
				return s
			}
		}
	}
	if r.reason.dependency && r.reason.key.peer == r.service {
		for _, s := range own { // its calls wait for its own pool
			if s.from == r.service && failure.ClassOf(s.quote) == failure.Pool {
				return s
			}
		}
	}
	if r.reason.key.class != classPath {
		return r.reason
	}
	for _, s := range own {
		if (s.quotes() || s.from != "" && s.quote != "") && s.strength >= alarmStrength && near(s.onset, r.reason.onset) {
			return s
		}
	}
	return r.reason
}

// quotedReason is the reason of an affected service. Where its requests fail, that is an
// error that it logs about it.
func (g *group) quotedReason(r *ranked) *sign {
	reason := g.reasonOf(r)
	if reason.key.class != classError || reason.quotes() {
		return reason
	}
	for _, s := range g.ofService(r.service) {
		if s.quotes() && s.strength >= hintStrength && near(s.onset, reason.onset) {
			return s
		}
	}
	return reason
}

// quoteCaller adds the error that the caller logs about the callee to a fact that calls
// fail, where metrics do not show how.
func (g *group) quoteCaller(f *report.Fact) {
	if f.Kind != report.FactCallsFail || f.Quote != "" {
		return
	}
	for _, s := range g.signs() {
		if s.key.service == f.Peer && s.key.class == classError && s.from == "" && s.complainsOf(f.Service) {
			f.Quote = cmp.Or(s.quote, message(s.key.what))
			return
		}
	}
}

// maxFurther is how many facts support the first.
const maxFurther = report.MaxEvidence - 1

// further chooses the facts that support the reason: what the code itself says of it
// and what was changed before all, then one sign of each class, for three steps that
// are skipped tell no more than one. What a failure skips tells nothing. Events of the
// kernel are each a fact of their own.
func further(reason *sign, own []*sign) []*sign {
	told := map[class]bool{reason.key.class: true, classLoad: true, classPath: reason.key.class == classError}
	var list []*sign
	for _, pick := range [...]func(*sign) bool{
		(*sign).quotes,
		func(s *sign) bool { return s.key.what == releaseWhat },
		func(s *sign) bool { return (s.key.class == classKernel || !told[s.key.class]) && !s.counted() },
	} {
		for _, s := range own {
			if s != reason && len(list) < maxFurther && pick(s) && !slices.Contains(list, s) {
				told[s.key.class] = true
				list = append(list, s)
				if s.quotes() {
					break // one message says what it is about
				}
			}
		}
	}
	return list
}

// quotes reports whether the sign has the words in which the code itself says what
// is wrong.
func (s *sign) quotes() bool {
	return s.key.class == classError && s.brief == "" && s.key.what != "fails"
}

// counted reports whether it is a metric of the kernel's, whose events say the same.
func (s *sign) counted() bool {
	return s.key.class != classKernel && strings.HasPrefix(s.key.what, "tapio.")
}

// releasedWithin is how long after a release what its service shows is held for its effect:
// a rollout takes minutes, and each new instance is not judged before it is warm.
const releasedWithin = 2*together + warmUp - 60*model.Nanos(1e9)

// released is the release of the cause that set in shortly before, nil for none.
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
