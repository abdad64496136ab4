// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"slices"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/model"
)

// maxVersions is how many versions of a service are known: while a release is
// rolled out, or back, two of them take turns.
const maxVersions = 4

// release is what is known of the versions of a service.
type release struct {
	versions []string // the newest last
	since    model.Nanos
	known    bool // something was heard of it before that
}

// runs notes the version that a service runs at a time. The first one that is
// known is no release: it may have run for long.
func (r *release) runs(version string, t model.Nanos, known bool) {
	if version == "" || len(r.versions) > 0 && r.versions[len(r.versions)-1] == version {
		return
	}
	if slices.Contains(r.versions, version) {
		return
	}
	if len(r.versions) == maxVersions {
		r.versions = slices.Delete(r.versions, 0, 1)
	}
	r.versions = append(r.versions, bound.Copy(version))
	r.since, r.known = t, known
}

// newest is the version released last, and the one before it, if it is known.
func (r *release) newest() (version, before string) {
	version = r.versions[len(r.versions)-1]
	if len(r.versions) > 1 {
		before = r.versions[len(r.versions)-2]
	}
	return version, before
}

const releaseWhat = "release"

// settledFor is how long a service that sends spans must have been known for another
// version to be a release: what runs beside the first one reports within that time.
const settledFor = 30 * model.Nanos(1e9)

// settled reports whether the instances of a service are known at a time, so that what
// comes then is new. Metrics come once a minute.
func (s *service) settled(t model.Nanos) bool {
	if s.spanned != 0 {
		return t > s.first+settledFor
	}
	return t > s.first+together
}

// releaseSign reports that a service runs a version that it never ran before. What was
// changed last is what people ask for first; by itself it is no fault.
func (rd *runDetector) releaseSign(s *service, slot int64) *sign {
	r := &s.release
	if !r.known || rd.time.Of(r.since+releasedWithin) < slot {
		return nil
	}
	version, before := r.newest()
	text := fmt.Sprintf("%s runs release %s since %s", s.name, version, clock(r.since))
	if before != "" {
		text += ", before it " + before
	}
	return &sign{
		key:   signKey{service: s.name, class: classSymptom, what: releaseWhat, peer: version},
		onset: r.since, last: r.since, strength: baseline.HintStrength, count: 1, pod: s.pod, node: s.node, text: text,
	}
}

// A service that another one's fault made fail may get a release that fails right after: it is
// rolled out once the database is back. What the first fault left in the recent minutes must
// not date the second one, or it would count as a part of the first.

// outlived are the signs that incidents of other causes report, and that were over when a release of
// the service began to fail by itself, or that set in before a new fault of the service. known are the
// groups, slot is the precision of times.
func outlived(signs []*sign, known []*group, slot model.Nanos, released func(service string, onset model.Nanos) bool) map[*sign]bool {
	since, newFaults := map[string]model.Nanos{}, map[string]model.Nanos{}
	for _, s := range signs {
		switch {
		case s.newFault:
			newFaults[s.key.service], since[s.key.service] = s.onset, s.onset
		case newFaults[s.key.service] != 0:
		case s.itsOwn() && s.strength >= baseline.AlarmStrength && s.onset > since[s.key.service] && released(s.key.service, s.onset):
			since[s.key.service] = s.onset
		}
	}
	over := map[*sign]bool{}
	for _, s := range signs {
		began := since[s.key.service]
		ended := s.until != 0 && s.until <= began+slot
		passedOn := s.key.class == classError && s.onset+slot < began && s.passed > hardlyPassed
		mine := s.itsOwn() && newFaults[s.key.service] == 0 || s.newFault
		passedOn = passedOn || newFaults[s.key.service] != 0 && s.onset+slot < began
		over[s] = began != 0 && !mine && (ended || passedOn) &&
			slices.ContainsFunc(known, func(g *group) bool { return g.members[s.key] != nil && g.cause() != s.key.service })
	}
	return over
}

// failsAnew reports whether a release of the candidate fails by itself since a group of another
// cause was over.
func (s *suspect) failsAnew(g *group, released func(service string, onset model.Nanos) bool) bool {
	return s.service != g.cause() && s.onset > g.over && s.reason != nil && s.reason.itsOwn() && released(s.service, s.reason.onset)
}

// markNewFaults marks the durations of services that an open or resolved incident of another cause lists as
// affected, and that became slow later, while nothing that they call is slow: failures of a callee do not
// explain that. known are the groups, dated is the precision of a service's onsets, and depends reports whether a
// service calls another, directly or not.
func markNewFaults(signs []*sign, known []*group, dated func(service string) model.Nanos, depends func(caller, callee string) bool) {
	for _, s := range signs {
		if s.key.class != classSelf || s.dependency || s.strength < baseline.AlarmStrength || s.passed > hardlyPassed || s.part != nil {
			continue
		}
		below := func(o *sign) bool {
			return (o.key.class == classSelf || o.key.class == classEdge) && o.key.service != s.key.service && o.strength >= baseline.HintStrength && depends(s.key.service, o.key.service)
		}
		if slices.ContainsFunc(signs, func(o *sign) bool { return below(o) || o.key.service == s.key.service && o.key.class == classResource }) {
			continue
		}
		if slices.ContainsFunc(known, func(g *group) bool { // what was over by then explains nothing
			return (g.over == 0 || g.over+dated(s.key.service) >= s.onset) && slices.ContainsFunc(g.signs(), below)
		}) {
			continue
		}
		for _, g := range known {
			if g.into == "" && g.concerns(s.key.service) && g.cause() != s.key.service && !g.place.hits(s.key.service) && s.onset > g.ranking[0].onset+dated(s.key.service) {
				if s.retried = retries(s, signs, depends); s.retried {
					break
				}
				s.newFault = true
				g.disown(s.key)
			}
		}
	}
}

// retries reports whether so many calls fail while the service is slow that it may be slow because it tries
// again: then no more of its runs are slow than fail, or call what fails.
func retries(s *sign, signs []*sign, depends func(caller, callee string) bool) bool {
	slow := s.share
	if slow == 0 {
		slow = 1
	}
	return slices.ContainsFunc(signs, func(o *sign) bool {
		fails := o.key.class == classError && o.unit == "ratio" && (o.until == 0 || o.until >= s.onset)
		return fails && o.after >= slow*(1-hardlyPassed) && (o.key.service == s.key.service || depends(s.key.service, o.key.service))
	})
}

// disown removes an anomaly that belongs to another group. No group becomes empty.
func (g *group) disown(key signKey) {
	if g.members[key] != nil && len(g.members) > 1 {
		delete(g.members, key)
		delete(g.blamed, key)
	}
}
