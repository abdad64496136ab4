// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/report"
	"github.com/tapio/tapio/internal/model"
)

// maxOperations is the most affected operations that are listed.
const maxOperations = 10

// impact counts, for each affected entry operation, the requests from the beginning of the incident to
// the last affected one: how many failed, and how many succeeded but were slow, beyond the baseline.
func (sp *spread) impact(g *group) model.Impact {
	im := model.Impact{PeakAffectedRatio: g.peak}
	if g.peak > 0 {
		im.PeakTime = sp.time.Start(g.peakSlot)
	}
	for _, name := range sp.affectedServices(g) {
		im.Entities = append(im.Entities, serviceEntity(name))
	}
	baseline, failing := 0.0, 0.0
	for _, v := range g.entries() {
		failed, slow := v.affected()
		n := float64(v.total.n)
		if n <= 0 {
			continue
		}
		scale := v.total.scale()
		im.Requests += scale * n
		im.FailedRequests += scale * failed
		im.SlowRequests += scale * slow
		baseline += scale * n * v.knownFailed
		failing += scale * float64(v.total.failed)
		if len(im.Operations) < maxOperations {
			im.Operations = append(im.Operations, model.OperationImpact{
				Service: v.key.service, Operation: v.key.what, Requests: scale * n,
				ErrorRatio: float64(v.total.failed) / n, BaselineErrorRatio: v.knownFailed, SlowRatio: slow / n,
				BaselineP95: model.Nanos(v.before95 * 1e6), P95: model.Nanos(v.since95 * 1e6),
			})
		}
	}
	if im.Requests > 0 {
		im.ErrorRatio = min(1, failing/im.Requests)
		im.SlowRatio = min(1, im.SlowRequests/im.Requests)
		im.BaselineErrorRatio = baseline / im.Requests
		im.AffectedRequestRatio = min(1, (im.FailedRequests+im.SlowRequests)/im.Requests)
	}
	im.Unaffected = sp.requests.unaffected(g)
	im.Level = levelOf(&im, g)
	touched := map[string]bool{}
	for _, r := range g.ranking {
		touched[r.service] = true
	}
	next, callers := sp.next(g, touched)
	im.CascadeRisk = float64(len(next)) / float64(max(callers, 1))
	im.Summary = report.Impact(&im)
	return im
}

// affected is the number of requests that failed and that took longer than they would have. Slow ones are those
// beyond the 99th percentile or half as long again as the median, whichever shows more: a fault that doubles the duration
// leaves many below the former.
func (v *victim) affected() (failed, slow float64) { return affectedOf(v.total, v.norms, v.median) }

func affectedOf(o outcome, by norms, median bool) (failed, slow float64) {
	failed, slow = excessOf(o, by)
	if long := float64(o.long); !median && surplus(long, float64(o.timed), by.long) >= baseline.HintStrength {
		share := (long/float64(o.timed) - by.long) / (1 - by.long)
		slow = max(slow, share*float64(o.n-o.failed))
	}
	return failed, slow
}

// affectedServices lists the cause, what its place affects and what depends on it, the most likely
// first. Other deviating services count as well, except commands and callers whose calls are not
// affected.
func (sp *spread) affectedServices(g *group) []string {
	upstream, isService := sp.upstreamOf(g), sp.topology.serviceTest()
	var list []string
	for _, r := range g.ranking {
		known := isService(r.service) && !sp.topology.fleeting(r.service) || sp.graph.services.Peek(r.service) == nil
		if upstream[r.service] || known && !sp.topology.dependsOn(r.service, g.cause()) {
			list = append(list, r.service)
		}
	}
	return list
}

// unaffected counts the entry operations that had requests and are not affected.
func (r *requests) unaffected(g *group) uint32 {
	n := uint32(0)
	for key, held := range r.outcomes.All() {
		if key.kind == requestEntry && g.victims[key] == nil && r.time.Judged-(*held).head < baseline.Recent {
			n++
		}
	}
	return n
}

// levelOf: if half of the requests fail, a function is down; if a tenth are affected, it is impaired
// for many. Without affected requests the level is low.
func levelOf(im *model.Impact, g *group) model.ImpactLevel {
	switch {
	case g.kind != model.GroupIncident:
		return model.ImpactLow
	case im.ErrorRatio >= 0.5:
		return model.ImpactCritical
	case im.ErrorRatio >= 0.1 || im.AffectedRequestRatio >= 0.5:
		return model.ImpactHigh
	}
	return model.ImpactMedium
}

// next lists the services that call affected ones and are not affected yet, and counts all callers.
// The ratio is the risk that the incident spreads.
func (sp *spread) next(g *group, touched map[string]bool) (next []string, callers int) {
	seen := map[string]bool{}
	upstream, isService := sp.upstreamOf(g), sp.topology.serviceTest()
	for _, r := range g.ranking {
		if !upstream[r.service] {
			continue
		}
		for _, c := range sp.topology.callersOf(r.service) {
			if !isService(c) {
				continue // a command that called once will not call again
			}
			if !seen[c] && !touched[c] {
				next = append(next, c)
			}
			seen[c] = true
		}
	}
	slices.Sort(next)
	return next, len(seen)
}
