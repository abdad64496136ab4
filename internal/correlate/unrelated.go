// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"github.com/tapio/tapio/internal/correlate/failure"
)

// Two faults at the same time are two incidents, also if a caller suffers from both, unless
// one may explain the other: one of the services depends on the other, or shares its place.

// ownFault reports whether the candidate is at fault by evidence of its own, which no callee
// explains and which is no failure that it passes on.
func (s *suspect) ownFault() bool {
	r := s.reason
	if !s.alarm || s.spared || s.neighbour != "" || r == nil || r.passed >= mostlyPassed || !s.exact() || r.strength < alarmStrength {
		return false
	}
	switch r.key.class {
	case classKernel:
		return !r.effect()
	case classError:
		return !s.callsFail || r.unit == "ratio" && !r.dependency // the traces of its runs show that no call failed
	case classSelf:
		return r.newFault || !s.excused && !s.callsFail
	default:
		return false
	}
}

// unrelated reports whether two candidates are two faults.
func (e *Engine) unrelated(a, b *suspect) bool {
	return a.ownFault() && b.ownFault() && e.twoFaults(a.service, a.reason, b.service, b.reason)
}

// unrelatedTo reports whether the candidate is another fault than the cause of the group.
func (e *Engine) unrelatedTo(g *group, s *suspect) bool {
	cause := &g.ranking[0]
	return cause.own && s.ownFault() && !g.place.hits(s.service) && g.members[s.reason.key] == nil &&
		e.twoFaults(cause.service, cause.reason, s.service, s.reason)
}

// twoFaults reports whether nothing connects the services of two reasons, and the reasons
// differ in kind or set in apart.
func (e *Engine) twoFaults(a string, first *sign, b string, then *sign) bool {
	if a == b || e.samePlace(a, b) || e.dependsOn(a, b) && !first.itsOwn() || e.dependsOn(b, a) && !then.itsOwn() {
		return false
	}
	apart := max(first.onset, then.onset)-min(first.onset, then.onset) > e.dated()
	return apart || !first.alike(then)
}

// alike reports whether two reasons are of one kind, as services show them that one thing
// hits which no edge connects them with.
func (s *sign) alike(o *sign) bool {
	return s.key.class == o.key.class && failure.ClassOf(s.quote) == failure.ClassOf(o.quote)
}

// apartGroups reports whether two groups are of two faults, so that a victim that both share
// does not make them one.
func (e *Engine) apartGroups(g, o *group) bool {
	a, b := &g.ranking[0], &o.ranking[0]
	return g.apart(o) || a.own && b.own && e.twoFaults(a.service, a.reason, b.service, b.reason)
}

// itsOwn reports whether traces show that runs fail of which no call failed: what callees show
// does not explain that.
func (s *sign) itsOwn() bool {
	return s.newFault || s.key.class == classError && !s.dependency && s.unit == "ratio" && s.passed <= hardlyPassed
}

// hardlyPassed is the share of failures that may be passed on of what is a service's own: some
// calls fail always.
const hardlyPassed = 0.1
