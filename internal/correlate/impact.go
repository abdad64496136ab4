// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"

	"github.com/tapio/tapio/internal/tapio"
)

// impact says who is hit: of the requests to the services touched, since the
// incident began, how many were to operations with signs, and how many failed.
func (e *Engine) impact(g *group) tapio.Impact {
	im := tapio.Impact{Level: tapio.ImpactLow}
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
	for _, o := range e.graph.operations.all() {
		if touched[(*o).key.service] && (*o).key.kind == kindServer && g.hits((*o).key) {
			for slot := max(since, e.judged-recentSlots+1); slot <= e.judged; slot++ {
				hit += float64((*o).runs.at(slot).n)
			}
		}
	}
	if requests > 0 {
		im.ErrorRatio = min(1, failed/requests)
		im.AffectedRequestRatio = min(1, max(hit, failed)/requests)
	}
	im.Level = levelOf(im, g)
	im.CascadeRisk = e.cascadeRisk(g, touched)
	touchedText := "1 service is touched"
	if n := len(g.ranking); n > 1 {
		touchedText = fmt.Sprintf("%d services are touched", n)
	}
	im.Summary = fmt.Sprintf("%s; of their requests, %s are slow or fail, %s fail.",
		touchedText, percent(im.AffectedRequestRatio), percent(im.ErrorRatio))
	return im
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
func levelOf(im tapio.Impact, g *group) tapio.ImpactLevel {
	switch {
	case im.ErrorRatio >= 0.5:
		return tapio.ImpactCritical
	case im.ErrorRatio >= 0.1 || im.AffectedRequestRatio >= 0.5:
		return tapio.ImpactHigh
	case im.AffectedRequestRatio > 0 || len(g.ranking) > 1:
		return tapio.ImpactMedium
	default:
		return tapio.ImpactLow
	}
}

// cascadeRisk is the share of the services that call those touched and are not
// touched yet.
func (e *Engine) cascadeRisk(g *group, touched map[string]bool) float64 {
	callers, spared := map[string]bool{}, 0
	for _, r := range g.ranking {
		for _, c := range e.callersOf(r.service) {
			if !callers[c] && !touched[c] {
				spared++
			}
			callers[c] = true
		}
	}
	if len(callers) == 0 {
		return 0
	}
	return float64(spared) / float64(len(callers))
}
