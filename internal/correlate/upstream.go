// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/model"
)

// spread finds the services that an incident affects.
type spread struct {
	time     *bucket.Time
	graph    *graph
	topology *topology
	requests *requests
	book     *incidentBook
}

// upstreamOf returns the services whose requests may be affected by the group's cause: the cause,
// services at its place, and direct or indirect callers whose calls are affected. A service stays in
// the set after its calls have recovered.
func (sp *spread) upstreamOf(g *group) map[string]bool {
	queue := []string{g.cause()}
	if g.place != nil {
		queue = append(queue, g.place.hit...)
	}
	if g.reached == nil || g.reachedFrom != g.cause() {
		g.reached, g.reachedFrom = map[string]bool{}, g.cause()
	}
	seen := map[string]bool{}
	for _, s := range queue {
		seen[s], g.reached[s] = true, true
	}
	callers := map[string][]string{}
	for key := range sp.graph.calls.All() {
		callers[key.callee] = append(callers[key.callee], key.caller)
	}
	since := sp.time.Of(g.span().Start)
	for len(queue) > 0 {
		callee := queue[0]
		queue = queue[1:]
		for _, caller := range callers[callee] {
			if !seen[caller] && (g.reached[caller] || sp.suffers(caller, callee, since)) {
				seen[caller], g.reached[caller] = true, true
				queue = append(queue, caller)
			}
		}
		for _, waiting := range sp.topology.waitingFor(g, callee) {
			if !seen[waiting] {
				seen[waiting], g.reached[waiting] = true, true
				queue = append(queue, waiting)
			}
		}
	}
	return seen
}

// suffers reports whether calls from one service to another may be affected since a bucket: some
// failed or were slow, they stopped (as with a refused connection), or their outcome is unknown. A
// service that made no calls is not affected.
func (sp *spread) suffers(caller, callee string, since int64) bool {
	held := sp.requests.outcomes.Peek(outcomeKey{requestCall, caller, callee})
	if held == nil {
		return true
	}
	o := *held
	at := o.between(since+1, sp.time.Judged)
	if at.n == 0 {
		return o.between(since-idleSlots, since).n > 0
	}
	by := o.usual(before(slices.Concat(sp.book.groups, sp.book.resolved), caller, callee, sp.time.Of, since))
	f, s := excessOf(at, by)
	return o.slowAfter == 0 || f >= max(1, minHitShare*float64(at.n)) || s >= max(1, minSlowShare*float64(at.n)) || longer(at, by, sp.time.Judged-since)
}

// before is the last bucket of the baseline of calls: the one before the earliest incident that
// affected them.
func before(incidents []*group, caller, callee string, slotOf func(model.Nanos) int64, since int64) int64 {
	for _, g := range incidents {
		if g.reached[caller] && g.reached[callee] {
			since = min(since, slotOf(g.span().Start))
		}
	}
	return since
}
