// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
)

// suspect is a service with signs.
type suspect struct {
	service string
	signs   []*sign
	onset   model.Nanos
	own     float64 // what only it can have caused
	score   float64 // what is left to it when its callees are blamed first
	alarm   bool    // reason enough to open an incident
	reason  *sign
	best    [classes]*sign
	callees []string
	// excused is set if a callee explains how slow it is.
	excused bool
	// callsFail is set if a callee fails.
	callsFail bool
	// spared: the kernel names a callee or a neighbour that is to blame.
	spared bool
	// neighbour uses up the CPU quota that it shares with this one.
	neighbour string
	// cache is the failing cache whose callers ask this one instead, "" for none.
	cache string
}

// weightOf returns how directly a class of anomalies shows the place of a fault: what
// the kernel or the code itself reports counts in full; being slow counts less, for
// much can make one slow; being seen slow by others, or being called more, is
// rather an effect.
func weightOf(c class) float64 {
	switch c {
	case classKernel, classResource, classPath, classEdge, classSilent:
		return 1
	case classError:
		return 0.8
	case classSelf:
		return 0.7
	case classSymptom:
		return 0.3
	default:
		return 0.1
	}
}

// inherited is what a suspect keeps of signs that a faulty callee explains.
const inherited = 0.2

// together is how far apart in time a cause and its effect may set in: metrics
// come once a minute, so that two of them may differ by one, and the estimate of
// an onset by another.
const together = 120 * 1_000_000_000

// suspects groups signs by service and scores the services.
func (r *ranker) suspects(signs []*sign) []*suspect {
	byName := map[string]*suspect{}
	of := func(name string) *suspect {
		if byName[name] == nil {
			byName[name] = &suspect{service: name}
		}
		return byName[name]
	}
	known := slices.Concat(r.book.groups, r.book.resolved)
	markNewFaults(signs, known, func(service string) model.Nanos { return datedAt(r.topology, service) }, r.topology.dependsOn)
	blame, over := r.blame(signs), outlived(signs, known, r.time.Width(), r.topology.changedAt)
	for _, s := range signs {
		if s.opening() && !over[s] {
			of(blame[s]).take(s)
		}
	}
	for _, s := range byName {
		s.date()
	}
	for _, s := range signs { // what only supports must belong to the same moment
		if at := of(blame[s]); !s.opening() && (at.onset == 0 || near(at.onset, s.onset)) {
			at.take(s)
		}
	}
	for _, s := range byName {
		s.date()
	}
	r.linkSuspects(byName)
	list := slices.SortedFunc(maps.Values(byName), func(a, b *suspect) int { return cmp.Compare(a.service, b.service) })
	alarmAt := r.threshold.alarmAt()
	for _, s := range list {
		s.weigh(byName, r.time.Dated())
		s.alarm = s.alarms(alarmAt)
	}
	slices.SortStableFunc(list, func(a, b *suspect) int {
		return cmp.Or(cmp.Compare(b.rank(), a.rank()), relayed(a.reason)-relayed(b.reason), cmp.Compare(b.score, a.score), cmp.Compare(a.onset, b.onset), cmp.Compare(failingShare(b.reason), failingShare(a.reason)), cmp.Compare(a.service, b.service))
	})
	return list
}

func (s *suspect) take(g *sign) {
	s.signs = append(s.signs, g)
	if s.best[g.key.class] == nil || strongest(g, s.best[g.key.class]) < 0 {
		s.best[g.key.class] = g
	}
}

// date sets when it began: with the first of its signs that is half as strong
// as the strongest, for a weak one may be older than the fault. What only
// supports dates nothing unless there is nothing else.
func (s *suspect) date() {
	most, opening := 0.0, slices.ContainsFunc(s.signs, (*sign).opening)
	for _, g := range s.signs {
		if g.opening() == opening {
			most = max(most, g.strength)
		}
	}
	s.onset = 0
	for _, g := range s.signs {
		if g.opening() == opening && g.strength >= most/2 && (s.onset == 0 || g.onset < s.onset) {
			s.onset = g.onset
		}
	}
}

// blame returns which end of a slow edge is held to be slow: the one that more of
// its edges are slow of, for a fault on the way into a host hits them all; the
// callee if that does not decide.
func (r *ranker) blame(signs []*sign) map[*sign]string {
	slow, all, resource := map[string]float64{}, map[string]float64{}, map[string]bool{}
	for _, s := range signs {
		switch {
		case s.way():
			slow[s.key.service]++
			slow[s.key.peer]++
		case s.key.class == classResource, s.key.class == classKernel:
			resource[s.key.service] = resource[s.key.service] || s.alarms(baseline.AlarmStrength)
		}
	}
	for key, c := range r.graph.calls.All() {
		if r.time.Judged-(*c).gap.Head < baseline.Recent {
			all[key.caller]++
			all[key.callee]++
		}
	}
	part := func(service string) float64 { return slow[service] / max(all[service], 1) }
	blame := make(map[*sign]string, len(signs))
	for _, s := range signs {
		blame[s] = s.key.service
		if !s.way() {
			continue
		}
		caller, callee := s.key.peer, s.key.service
		byResource := resource[caller] && !resource[callee]
		byShare := slow[caller] > 1 && part(caller) > part(callee) && !resource[callee]
		if byResource || byShare {
			blame[s] = caller
		}
	}
	r.blamePools(signs, blame)
	return blame
}

// way reports whether the sign is of calls that take longer, one end of which is slow.
func (s *sign) way() bool {
	return s.key.class == classEdge || s.dependency && s.key.class == classSelf
}

func (r *ranker) linkSuspects(byName map[string]*suspect) {
	for key := range r.graph.calls.All() {
		if s := byName[key.caller]; s != nil && byName[key.callee] != nil && key.caller != key.callee {
			s.callees = append(s.callees, key.callee)
		}
	}
	findCaches(r, byName)
	throttled := r.throttled(byName)
	for _, s := range byName {
		slices.Sort(s.callees)
		r.findNeighbour(s, throttled)
	}
}

// weigh scores a suspect: the sum over classes of its strongest sign, less what
// a callee explains.
func (s *suspect) weigh(byName map[string]*suspect, dated model.Nanos) {
	fails, slows := s.explained(byName, dated)
	s.excused, s.callsFail = slows > 0, fails > 0
	strays := 0.0 // a run that fails skips steps: both show the same runs
	for c, g := range s.best {
		if g == nil {
			continue
		}
		if s.reason == nil || g.weight() > s.reason.weight() {
			s.reason = g
		}
		switch class(c) {
		case classError, classPath:
			strays = max(strays, left(g.weight(), fails))
			continue
		case classSelf, classSymptom:
			by := slows
			if g.retried {
				by = max(slows, fails)
			}
			s.score += left(g.weight(), by)
			continue
		case classEdge:
			if s.neighbour != "" {
				s.score += inherited * g.weight()
				continue
			}
			s.own += g.weight()
		case classKernel, classResource:
			s.own += g.unexplained(fails)
		default: // counts, but is not evidence that this service is the origin
		}
		s.score += g.unexplained(fails)
	}
	s.score += strays
	// What the kernel never reported before is why the service itself fails or is slow.
	if k := s.best[classKernel]; k != nil && k.novel && (fails == 0 || !k.effect()) {
		s.reason = k
	}
}

// explained is how strange the callees are that may make it fail or be slow: while
// they are, for what was over before explains nothing. dated is how exactly a
// moment is known.
func (s *suspect) explained(byName map[string]*suspect, dated model.Nanos) (fails, slows float64) {
	if !slices.ContainsFunc(s.signs, (*sign).opening) {
		dated = together // by metrics alone
	}
	since := s.onset - min(s.onset, dated)
	for _, name := range s.callees {
		callee := byName[name]
		if callee.onset > s.onset+together {
			continue
		}
		// A slow one fails its callers too: they give up.
		fails = max(fails, callee.weightIn(since, classKernel, classResource, classPath, classError, classEdge), callee.blamedBy(s, since))
		slows = max(slows, callee.weightIn(since, classKernel, classResource, classEdge, classSelf))
		if k := callee.best[classKernel]; k != nil && k.novel || callee.best[classSilent] != nil {
			// Few events are enough: without a server nothing is served.
			s.spared, fails, slows = true, baseline.MaxStrength, baseline.MaxStrength
		}
	}
	if s.neighbour != "" {
		s.spared, slows = true, baseline.MaxStrength
	}
	if s.cache != "" {
		s.spared, fails, slows = true, baseline.MaxStrength, baseline.MaxStrength
	}
	return fails, slows
}

// left is what is left of a sign when callees explain it, which they can as far
// as they are strange themselves.
func left(weight, callees float64) float64 {
	return weight - (1-inherited)*min(weight, callees)
}

// weightIn is the most of a sign of these classes that shows at that time or later.
func (s *suspect) weightIn(since model.Nanos, list ...class) float64 {
	most := 0.0
	for _, g := range s.signs {
		if slices.Contains(list, g.key.class) && (g.until == 0 || g.until >= since) {
			most = max(most, g.weight())
		}
	}
	return most
}

// rank puts those that are reason enough for an incident before the others.
func (s *suspect) rank() int {
	if s.alarm {
		return 1
	}
	return 0
}

// shown is the weight of all its anomalies, whoever explains them.
func (s *suspect) shown() float64 {
	sum := 0.0
	for _, g := range s.best {
		if g != nil {
			sum += g.weight() / g.owned()
		}
	}
	return sum
}
