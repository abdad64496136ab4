// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// planned reports whether all that is unusual comes of a change that someone made: a
// release, a restart, more or fewer replicas.
func (e *Engine) planned(g *group) bool {
	at := g.span().Start
	for _, r := range g.ranking {
		s := e.serviceNamed(r.service)
		if s.release.known && near(s.release.since, at) {
			return true
		}
	}
	return slices.ContainsFunc(g.signs(), func(s *sign) bool {
		return s.key.class == classSymptom && (s.key.what == "restart" || s.key.what == releaseWhat) && near(s.onset, at)
	})
}

// harms reports whether the group harms someone where no request shows it: a server
// dies or refuses its callers, a security event, errors of a service that reports no
// requests.
func (e *Engine) harms(g *group) bool {
	if g.further {
		return false
	}
	return slices.ContainsFunc(g.ofService(g.cause()), func(s *sign) bool { return e.harmful(g, s) })
}

func (e *Engine) harmful(g *group, s *sign) bool {
	if s.supports || s.lookups || s.strength < alarmStrength { // many programs look up names that do not exist
		return false
	}
	counted := e.countsRequests(s.key.service)
	switch s.key.class {
	case classKernel:
		return e.harmfulKernel(s, counted)
	case classError:
		return s.key.what == "restarts" || tellsOfAccess(s.key.what) || !counted
	case classSilent:
		return true
	case classResource:
		return s.key.peer == "trend" && e.forecastHolds(g, s)
	case classSelf, classEdge:
		return !counted
	case classPath:
		return s.key.what == "any step" && !e.planned(g)
	}
	return false
}

// harmfulKernel goes by what the kernel reports: the end of a server and refused
// callers are harm by themselves, waiting is where no request shows otherwise.
func (e *Engine) harmfulKernel(s *sign, counted bool) bool {
	if s.kernel == nil {
		return !counted
	}
	switch s.kernel.word {
	case "exec":
		return true
	case "oom", "crash":
		return e.serves(s.key.service) || e.serviceNamed(s.key.service).declared
	case "exit":
		// If the requests of the service are counted, they show whether its users suffer.
		return e.servesOthers(s.key.service) && !counted
	case "signal", "connect", "refused", "reset":
		return e.servesOthers(s.key.service)
	case "file.":
		return strings.HasPrefix(s.kernel.fault, "EACCES") && e.servesOthers(s.key.service)
	}
	return !counted && e.servesOthers(s.key.service)
}

// servesOthers reports whether someone depends on a program: it is part of a call, and no
// command that a shell runs, which may call and fail as its user likes.
func (e *Engine) servesOthers(service string) bool {
	return e.serves(service) && (e.isService(service) || contained(e.serviceNamed(service).cgroup))
}

// countsRequests reports whether the outcome of requests to the service is known.
func (e *Engine) countsRequests(service string) bool {
	newest := e.judged
	for key, held := range e.outcomes.all() {
		ofIt := key.service == service && key.kind != requestCall || key.what == service && key.kind == requestCall
		if ofIt && newest-(*held).head < recentSlots {
			return true
		}
	}
	return false
}

// heldFor is how long a forecast must have held before it counts.
const heldFor = 600 * model.Nanos(1e9)

// forecastHolds reports whether what was forecast before came true until now, and no
// earlier forecast for the same resource failed.
func (e *Engine) forecastHolds(g *group, s *sign) bool {
	since := g.firstSeen
	wait := heldFor
	for range min(6, e.failedForecasts(s.key)) {
		wait *= 2
	}
	return since != 0 && e.now >= since+wait
}
