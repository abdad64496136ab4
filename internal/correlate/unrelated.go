// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/failure"
)

// Two simultaneous faults are two incidents, even if both affect the same caller, unless one may
// explain the other: one service depends on the other, or both share a place.

// divider divides the candidates into sets that one cause explains.
type divider struct {
	time     *bucket.Time
	graph    *graph
	topology *topology
	hosts    *hosts
	book     *incidentBook
}

// ownFault reports whether the candidate is at fault by evidence of its own, which no callee explains
// and which is not a failure that it passes on.
func (s *suspect) ownFault() bool {
	r := s.reason
	if !s.alarm || s.spared || s.neighbour != "" || r == nil || r.passed >= mostlyPassed || !s.exact() || r.strength < baseline.AlarmStrength {
		return false
	}
	switch r.key.class {
	case classKernel:
		return !r.effect()
	case classError:
		return !s.callsFail || r.unit == "ratio" && !r.dependency // traces show that no call of its failing runs failed
	case classSelf:
		return r.newFault || !s.excused && !s.callsFail
	default:
		return false
	}
}

// unrelated reports whether two candidates are two faults.
func (d *divider) unrelated(a, b *suspect) bool {
	return a.ownFault() && b.ownFault() && d.twoFaults(a.service, a.reason, b.service, b.reason)
}

// unrelatedTo reports whether the candidate is another fault than the cause of the group.
func (d *divider) unrelatedTo(g *group, s *suspect) bool {
	cause := &g.ranking[0]
	return cause.own && s.ownFault() && !g.place.hits(s.service) && g.members[s.reason.key] == nil &&
		d.twoFaults(cause.service, cause.reason, s.service, s.reason)
}

// twoFaults reports whether nothing connects two services, and their reasons differ in kind or in
// onset.
func (d *divider) twoFaults(a string, first *sign, b string, then *sign) bool {
	if a == b || d.topology.samePlace(a, b) || d.topology.dependsOn(a, b) && !first.itsOwn() || d.topology.dependsOn(b, a) && !then.itsOwn() {
		return false
	}
	apart := max(first.onset, then.onset)-min(first.onset, then.onset) > d.time.Dated()
	return apart || !first.alike(then)
}

// alike reports whether two reasons are of one kind, as those of services that a common fault without
// a known edge affects.
func (s *sign) alike(o *sign) bool {
	return s.key.class == o.key.class && failure.ClassOf(s.quote) == failure.ClassOf(o.quote)
}

// apartGroups reports whether two groups are different faults, so that an affected service in common
// does not merge them.
func (d *divider) apartGroups(g, o *group) bool {
	a, b := &g.ranking[0], &o.ranking[0]
	return g.apart(o) || a.own && b.own && d.twoFaults(a.service, a.reason, b.service, b.reason)
}

// itsOwn reports whether traces show runs that fail although no call of them failed, so that callees
// do not explain it.
func (s *sign) itsOwn() bool {
	return s.newFault || s.key.class == classError && !s.dependency && s.unit == "ratio" && s.passed <= hardlyPassed
}

// hardlyPassed is the largest share of a service's own failures that may be passed on from callees:
// some calls always fail.
const hardlyPassed = 0.1
