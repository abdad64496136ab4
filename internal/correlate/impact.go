// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// impact says who is hit: of the requests to the services touched, since the
// incident began, how many were to operations with signs, and how many failed.
func (e *Engine) impact(g *group) model.Impact {
	im := model.Impact{Level: model.ImpactLow}
	since := e.slotOf(g.opened)
	var requests, failed, hit float64
	touched := map[string]bool{}
	for _, r := range g.ranking {
		touched[r.service] = true
		im.Entities = append(im.Entities, serviceEntity(r.service))
		s := e.serviceNamed(r.service)
		for slot := max(since, e.judged-recentSlots+1); slot <= e.judged; slot++ {
			at := s.requested(slot)
			requests += float64(at.n)
			failed += float64(at.sum)
		}
	}
	for _, n := range e.hitRequests(g, since) {
		hit += n
	}
	if requests > 0 {
		im.ErrorRatio = min(1, failed/requests)
		im.AffectedRequestRatio = min(1, max(hit, failed)/requests)
	}
	im.Level = levelOf(im, g)
	next, callers := e.next(g, touched)
	im.CascadeRisk = float64(len(next)) / float64(max(callers, 1))
	im.Summary = hitText(g.services(), requests > 0, &im) + nextText(next)
	return im
}

// hitText says who is hit and how hard.
func hitText(services []string, asked bool, im *model.Impact) string {
	text := services[0] + " is touched"
	if len(services) > 1 {
		text = fmt.Sprintf("%d services are touched (%s)", len(services), listed(services))
	}
	if !asked {
		return text + "; nothing is known of their requests."
	}
	if im.AffectedRequestRatio == 0 {
		return text + "; no request that was hit is known yet."
	}
	return fmt.Sprintf("%s: %s of the requests fail, %s are slow or fail.", text, percent(im.ErrorRatio), percent(im.AffectedRequestRatio))
}

// nextText says who may be next.
func nextText(next []string) string {
	switch len(next) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(" %s calls them too and may be next.", next[0])
	}
	return fmt.Sprintf(" %d more call them and may be next (%s).", len(next), listed(next))
}

// listed names a few.
func listed(names []string) string {
	const few = 4
	if len(names) > few {
		return strings.Join(names[:few], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// hitRequests counts by service the requests that ran what has signs: those to
// operations that serve, or those that came to one within.
func (e *Engine) hitRequests(g *group, since int64) map[string]float64 {
	served, within := map[string]float64{}, map[string]float64{}
	for _, held := range e.graph.operations.all() {
		o := *held
		if !g.hits(o.key) {
			continue
		}
		n := 0.0
		for slot := max(since, e.judged-recentSlots+1); slot <= e.judged; slot++ {
			n += float64(o.runs.at(slot).n)
		}
		switch o.key.kind {
		case kindServer:
			served[o.key.service] += n
		case kindClient: // is the way to another
		default:
			within[o.key.service] = max(within[o.key.service], n)
		}
	}
	for service, n := range within {
		served[service] = max(served[service], n)
	}
	return served
}

func (g *group) hits(o operationKey) bool {
	for key := range g.members {
		if key.service == o.service && (key.what == o.name || key.peer == o.name) {
			return true
		}
	}
	return false
}

// levelOf: half of the requests failing is a function down; a tenth hit is one
// impaired for many.
func levelOf(im model.Impact, g *group) model.ImpactLevel {
	switch {
	case im.ErrorRatio >= 0.5:
		return model.ImpactCritical
	case im.ErrorRatio >= 0.1 || im.AffectedRequestRatio >= 0.5:
		return model.ImpactHigh
	case im.AffectedRequestRatio > 0 || len(g.ranking) > 1:
		return model.ImpactMedium
	default:
		return model.ImpactLow
	}
}

// next lists the services that call those touched and are not touched yet, and
// counts all that call them. Their share is the risk that it goes on.
func (e *Engine) next(g *group, touched map[string]bool) (next []string, callers int) {
	seen := map[string]bool{}
	for _, r := range g.ranking {
		for _, c := range e.callersOf(r.service) {
			if !seen[c] && !touched[c] {
				next = append(next, c)
			}
			seen[c] = true
		}
	}
	slices.Sort(next)
	return next, len(seen)
}
