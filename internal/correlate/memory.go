// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/model"
)

const (
	// maxRemembered bounds the remembered incidents; the oldest is dropped.
	maxRemembered = 256
	// maxSimilar is the most earlier incidents that are listed.
	maxSimilar = 5
)

// incidentBook holds the incidents: open ones, those that may be reopened, and the memory of earlier
// ones.
type incidentBook struct {
	time      *bucket.Time
	config    Config
	groups    []*group
	maxGroups int // bounds groups, so that they fit in the memory limit
	// refusedIncidents counts incidents that were not opened because maxGroups were open.
	refusedIncidents int
	found            int                    // number of groups so far, part of their ids
	resolved         []*group               // groups that may be reopened, the oldest first
	held             map[string]model.Nanos // incidents that wait for evidence: since when, by candidate
	memory           memory                 // of earlier incidents
}

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
func (b *incidentBook) remember(g *group) {
	m := mechanismOf(g)
	made := model.SimilarIncident{GroupID: g.id, Range: b.began(g, g.span()), EndedBy: g.endedBy}
	list := slices.DeleteFunc(b.memory.incidents, func(r pastIncident) bool { return r.incident.GroupID == g.id })
	if len(list) >= maxRemembered {
		list = slices.Delete(list, 0, 1)
	}
	list = append(list, pastIncident{m, made})
	b.memory.incidents = list
}

// recall finds earlier incidents with the group's cause and mechanism.
func (b *incidentBook) recall(g *group) {
	m := mechanismOf(g)
	g.similar, g.similarCount = nil, 0
	for _, r := range slices.Backward(b.memory.incidents) {
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
func (b *incidentBook) failForecast(g *group) {
	for key := range g.members {
		if key.class != classResource || key.peer != "trend" {
			continue
		}
		if b.memory.forecasts == nil || len(b.memory.forecasts) >= maxRemembered {
			b.memory.forecasts = map[signKey]int{}
		}
		b.memory.forecasts[key]++
	}
}

func (b *incidentBook) failedForecasts(key signKey) int { return b.memory.forecasts[key] }

// keepFaultsOut keeps the values that an open group reports out of the baselines.
func (b *incidentBook) keepFaultsOut(signs []*sign) {
	for _, s := range signs {
		reported := func(g *group) bool { return g.members[s.key] != nil && !g.further }
		if s.keepOut != nil && slices.ContainsFunc(b.groups, reported) {
			s.keepOut()
		}
		s.keepOut = nil // a member of a group must not keep the operation or edge in memory
	}
}
