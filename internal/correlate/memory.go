// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/model"
)

const (
	// maxRemembered bounds the incidents that are pastIncident; the oldest goes.
	maxRemembered = 256
	// maxSimilar is how many earlier incidents are listed.
	maxSimilar = 5
)

// mechanism is how a cause hurts: what makes two incidents alike.
type mechanism struct {
	cause string
	class class
	what  string // the operation, metric or event; "" for errors, whose text varies
}

// memory holds earlier incidents, the oldest first.
type memory struct {
	incidents []pastIncident
	forecasts map[signKey]int // that failed
}

type pastIncident struct {
	mechanism
	incident model.SimilarIncident
}

// mechanismOf is how the group's likeliest cause hurts.
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

// remember keeps an incident that ended.
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

// recall finds the earlier incidents of the group's cause and mechanism.
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

// failForecast notes that what a group forecast did not come.
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
