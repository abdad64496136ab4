// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"net"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bucket"
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
func (l *lifecycle) planned(g *group) bool {
	at := g.span().Start
	for _, r := range g.ranking {
		s := l.topology.serviceNamed(r.service)
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
func (l *lifecycle) settling(g *group) bool {
	if !slices.ContainsFunc(g.ranking, func(r ranked) bool {
		release := &l.topology.serviceNamed(r.service).release
		near := r.service == g.cause() || l.topology.calls(r.service, g.cause())
		return near && release.known && l.time.Now < release.since+settlesWithin && g.span().Start+l.time.Dated() >= release.since
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

// lifecycle judges how severe incidents are, and when they are over.
type lifecycle struct {
	time     *bucket.Time
	config   Config
	graph    *graph
	topology *topology
	requests *requests
	hosts    *hosts
	book     *incidentBook
	spread   *spread
}

// harms reports whether the group does harm that no request shows: a server ends or refuses
// connections, a security event, errors of a service whose requests are not known.
func (l *lifecycle) harms(g *group) bool {
	if g.further {
		return false
	}
	return slices.ContainsFunc(g.ofService(g.cause()), func(s *sign) bool { return l.harmful(g, s) })
}

func (l *lifecycle) harmful(g *group, s *sign) bool {
	if s.supports || s.lookups || s.strength < baseline.AlarmStrength { // many programs look up names that do not exist
		return false
	}
	counted := l.requests.countsRequests(s.key.service)
	switch s.key.class {
	case classKernel:
		return l.harmfulKernel(s, counted)
	case classError:
		return s.key.what == "restarts" || reportsAccess(s.key.what) || !counted || !l.knowsFailures(s.key.service)
	case classSilent:
		return true
	case classResource:
		return s.key.peer == "trend" && l.forecastHolds(g, s)
	case classSelf, classEdge:
		return !counted || s.lag && s.after >= waitsLong && s.after >= waitsTimes*s.before
	case classPath:
		return (s.key.what == "any step" || !counted || !l.knowsFailures(s.key.service)) && !l.planned(g)
	default:
		return false
	}
}

// harmfulKernel judges a kernel anomaly: the end of a server and refused connections are harm by
// themselves; waiting is, unless requests show otherwise.
func (l *lifecycle) harmfulKernel(s *sign, counted bool) bool {
	if s.kernel == nil {
		return !counted
	}
	service := s.key.service
	switch s.kernel.rule.Opens {
	case kernelrule.OpensAlways:
		return true
	case kernelrule.OpensServing:
		return l.topology.serves(service) || l.topology.serviceNamed(service).declared
	case kernelrule.OpensCalled:
		if s.kernel.rule.Connects && (l.graph.unproven(service) || noneListened(service) || onlyItself(service, l.topology.callersOf(service))) {
			return false
		}
		return l.topology.servesOthers(service) && !l.topology.onlyClients(service)
	case kernelrule.OpensNamed:
		// A browser that a test controls serves the test, on which no one depends either.
		named := l.topology.serviceNamed(service)
		return !counted && (named.declared || named.workload != "" || l.topology.hasServiceCallers(service))
	case kernelrule.OpensDenied:
		return strings.HasPrefix(s.kernel.fault, "EACCES") && l.topology.servesOthers(service)
	case kernelrule.OpensUncounted:
		nodes := l.hosts.starvations()
		if at := l.hosts.nodeOf(&suspect{service: service}, nodes); s.kernel.rule.Kind == kernelrule.SlowSyscall && nodes[at].crowded() {
			return false // the duration includes the time until its thread is scheduled again
		}
	}
	// If the requests of the service are counted, they show whether users are affected.
	return !counted && l.topology.servesOthers(service)
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
func (t *topology) servesOthers(service string) bool {
	return t.serves(service) && (t.isService(service) || t.graph.cgroups.contained(t.serviceNamed(service)))
}

// isKnownService reports whether a program is a service: it behaves like one, or is named as one.
// Browsers and commands on a desktop are not.
func (t *topology) isKnownService(name string) bool {
	s := t.serviceNamed(name)
	return s.declared || s.workload != "" || t.isService(name)
}

// onlyClients reports whether a peer without telemetry is only called by programs that are no
// services. What a browser cannot reach is no incident.
func (t *topology) onlyClients(name string) bool {
	callers := t.callersOf(name)
	return t.serviceNamed(name).last == 0 && len(callers) > 0 && !slices.ContainsFunc(callers, func(caller string) bool {
		return (t.isKnownService(caller) || t.graph.cgroups.contained(t.serviceNamed(caller))) && !t.fleeting(caller)
	})
}

// countsRequests reports whether the outcome of requests to the service is known.
func (r *requests) countsRequests(service string) bool {
	newest := r.time.Judged
	for key, held := range r.outcomes.All() {
		ofIt := key.service == service && key.kind != requestCall || key.what == service && key.kind == requestCall
		if ofIt && newest-(*held).head < baseline.Recent {
			return true
		}
	}
	return false
}

// knowsFailures reports whether spans show that requests to the service fail: its own, or those
// of services that depend on it.
func (l *lifecycle) knowsFailures(service string) bool {
	callers := map[string][]string{}
	for key := range l.graph.calls.All() {
		callers[key.callee] = append(callers[key.callee], key.caller)
	}
	seen, queue := map[string]bool{service: true}, []string{service}
	for ; len(queue) > 0; queue = queue[1:] {
		if l.topology.serviceNamed(queue[0]).outcomes {
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
func (l *lifecycle) forecastHolds(g *group, s *sign) bool {
	since := g.firstSeen
	wait := heldFor
	for range min(6, l.book.failedForecasts(s.key)) {
		wait *= 2
	}
	return since != 0 && l.time.Now >= since+wait
}
