// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/model"
)

const (
	// maxRemembered bounds the remembered incidents; the oldest is dropped.
	maxRemembered = 256
	// maxSimilar is the most earlier incidents that are listed.
	maxSimilar = 5
)

// mechanism is how a cause takes effect: incidents with the same cause and mechanism are similar.
type mechanism struct {
	cause string
	class class
	what  string // operation, metric or event; "" for errors, because their text varies
}

// memory holds earlier incidents, the oldest first.
type memory struct {
	incidents []pastIncident
	forecasts map[signKey]int // number of forecasts that did not come true
}

type pastIncident struct {
	mechanism
	incident model.SimilarIncident
}

// mechanismOf is the mechanism of the group's most likely cause.
func mechanismOf(g *group) mechanism {
	reason := g.reasonOf(&g.ranking[0])
	m := mechanism{cause: g.cause(), class: reason.key.class}
	if g.place != nil {
		m.cause = g.place.word()
	}
	switch m.class {
	case classKernel, classResource, classSymptom, classLoad:
		m.what = reason.key.what
	default: // their words vary between incidents of the same mechanism
	}
	return m
}

// remember stores an incident that ended.
func (e *Engine) remember(g *group) {
	m := mechanismOf(g)
	made := model.SimilarIncident{GroupID: g.id, Range: e.began(g, g.span()), EndedBy: g.endedBy}
	list := slices.DeleteFunc(e.memory.incidents, func(r pastIncident) bool { return r.incident.GroupID == g.id })
	if len(list) >= maxRemembered {
		list = slices.Delete(list, 0, 1)
	}
	list = append(list, pastIncident{m, made})
	e.memory.incidents = list
}

// recall finds earlier incidents with the group's cause and mechanism.
func (e *Engine) recall(g *group) {
	m := mechanismOf(g)
	g.similar, g.similarCount = nil, 0
	for _, r := range slices.Backward(e.memory.incidents) {
		if r.mechanism != m || r.incident.GroupID == g.id {
			continue
		}
		g.similarCount++
		if len(g.similar) < maxSimilar {
			g.similar = append(g.similar, r.incident)
		}
	}
}

// failForecast records that a group's forecast did not come true.
func (e *Engine) failForecast(g *group) {
	for key := range g.members {
		if key.class != classResource || key.peer != "trend" {
			continue
		}
		if e.memory.forecasts == nil || len(e.memory.forecasts) >= maxRemembered {
			e.memory.forecasts = map[signKey]int{}
		}
		e.memory.forecasts[key]++
	}
}

func (e *Engine) failedForecasts(key signKey) int { return e.memory.forecasts[key] }
