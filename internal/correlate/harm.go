// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"net"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/model"
)

const (
	// waitsLong (milliseconds) and waitsTimes are how long messages wait in a queue, and how many times as long as before,
	// if what depends on them is late: no request shows it.
	waitsLong  = 10_000
	waitsTimes = 20
)

// planned reports whether all anomalies are consequences of a deliberate change: a release, a restart,
// a change of the number of replicas.
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

const (
	// settlesWithin is for how long after a change anomalies may be due to instances that stop and start,
	// and to cold caches.
	settlesWithin = warmUp + 30*model.Nanos(1e9)
	// settlingFails and settlingTimes bound what counts as settling: the share of failing requests, and
	// the ratio of the durations to their baseline.
	settlingFails = 0.1
	settlingTimes = 4
)

// settling reports whether a service was changed recently, and users are affected no more than by any
// rollout. What takes longer or affects more is an incident.
func (e *Engine) settling(g *group) bool {
	if !slices.ContainsFunc(g.ranking, func(r ranked) bool {
		release := &e.serviceNamed(r.service).release
		near := r.service == g.cause() || e.calls(r.service, g.cause())
		return near && release.known && e.now < release.since+settlesWithin && g.span().Start+e.dated() >= release.since
	}) {
		return false
	}
	return !slices.ContainsFunc(g.entries(), func(v *victim) bool {
		failed, _ := excessOf(v.window, v.norms)
		return failed > settlingFails*float64(v.window.n) || v.now95 > settlingTimes*max(v.before95, leastMillis)
	})
}

// settled reports whether a change no longer affects users.
func (g *group) settled(now model.Nanos) bool {
	if g.kind != model.GroupChange {
		return false
	}
	entries := g.entries()
	if len(entries) == 0 {
		return g.lastShown()+steadyFor < now
	}
	return !slices.ContainsFunc(entries, func(v *victim) bool { return hurt(v.window, v.norms) })
}

// harms reports whether the group does harm that no request shows: a server ends or refuses
// connections, a security event, errors of a service whose requests are not known.
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
		return s.key.what == "restarts" || reportsAccess(s.key.what) || !counted || !e.knowsFailures(s.key.service)
	case classSilent:
		return true
	case classResource:
		return s.key.peer == "trend" && e.forecastHolds(g, s)
	case classSelf, classEdge:
		return !counted || s.lag && s.after >= waitsLong && s.after >= waitsTimes*s.before
	case classPath:
		return (s.key.what == "any step" || !counted || !e.knowsFailures(s.key.service)) && !e.planned(g)
	default:
		return false
	}
}

// harmfulKernel judges a kernel anomaly: the end of a server and refused connections are harm by
// themselves; waiting is, unless requests show otherwise.
func (e *Engine) harmfulKernel(s *sign, counted bool) bool {
	if s.kernel == nil {
		return !counted
	}
	service := s.key.service
	switch s.kernel.rule.Opens {
	case kernelrule.OpensAlways:
		return true
	case kernelrule.OpensServing:
		return e.serves(service) || e.serviceNamed(service).declared
	case kernelrule.OpensCalled:
		if s.kernel.rule.Connects && (e.graph.unproven(service) || noneListened(service) || onlyItself(service, e.callersOf(service))) {
			return false
		}
		return e.servesOthers(service) && !e.onlyClients(service)
	case kernelrule.OpensNamed:
		// A browser that a test controls serves the test, on which no one depends either.
		named := e.serviceNamed(service)
		return !counted && (named.declared || named.workload != "" || e.hasServiceCallers(service))
	case kernelrule.OpensDenied:
		return strings.HasPrefix(s.kernel.fault, "EACCES") && e.servesOthers(service)
	case kernelrule.OpensUncounted:
		nodes := e.starvations()
		if at := e.nodeOf(&suspect{service: service}, nodes); s.kernel.rule.Kind == kernelrule.SlowSyscall && nodes[at].crowded() {
			return false // the duration includes the time until its thread is scheduled again
		}
	}
	// If the requests of the service are counted, they show whether users are affected.
	return !counted && e.servesOthers(service)
}

// onlyItself reports whether a program is only called by itself, as a test that starts a server and
// calls it.
func onlyItself(service string, callers []string) bool {
	return len(callers) > 0 && !slices.ContainsFunc(callers, func(caller string) bool { return caller != service })
}

// noneListened reports whether the name is an address of the host itself at which no program was ever
// seen listening, as when a test waits for a server to start. What never worked does not fail.
func noneListened(name string) bool {
	host, _, err := net.SplitHostPort(name)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// servesOthers reports whether others depend on a program: it is part of a call, and not a command
// started from a shell.
func (e *Engine) servesOthers(service string) bool {
	return e.serves(service) && (e.isService(service) || e.graph.cgroups.contained(e.serviceNamed(service)))
}

// isKnownService reports whether a program is a service: it behaves like one, or is named as one.
// Browsers and commands on a desktop are not.
func (e *Engine) isKnownService(name string) bool {
	s := e.serviceNamed(name)
	return s.declared || s.workload != "" || e.isService(name)
}

// onlyClients reports whether a peer without telemetry is only called by programs that are no
// services. What a browser cannot reach is no incident.
func (e *Engine) onlyClients(name string) bool {
	callers := e.callersOf(name)
	return e.serviceNamed(name).last == 0 && len(callers) > 0 && !slices.ContainsFunc(callers, func(caller string) bool {
		return (e.isKnownService(caller) || e.graph.cgroups.contained(e.serviceNamed(caller))) && !e.fleeting(caller)
	})
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

// knowsFailures reports whether spans show that requests to the service fail: its own, or those
// of services that depend on it.
func (e *Engine) knowsFailures(service string) bool {
	callers := map[string][]string{}
	for key := range e.graph.calls.all() {
		callers[key.callee] = append(callers[key.callee], key.caller)
	}
	seen, queue := map[string]bool{service: true}, []string{service}
	for ; len(queue) > 0; queue = queue[1:] {
		if e.serviceNamed(queue[0]).outcomes {
			return true
		}
		for _, caller := range callers[queue[0]] {
			if !seen[caller] {
				seen[caller], queue = true, append(queue, caller)
			}
		}
	}
	return false
}

// heldFor is how long a forecast must hold before it is reported.
const heldFor = 600 * model.Nanos(1e9)

// forecastHolds reports whether earlier forecasts of the group proved right until now, and none for
// the same resource failed.
func (e *Engine) forecastHolds(g *group, s *sign) bool {
	since := g.firstSeen
	wait := heldFor
	for range min(6, e.failedForecasts(s.key)) {
		wait *= 2
	}
	return since != 0 && e.now >= since+wait
}
