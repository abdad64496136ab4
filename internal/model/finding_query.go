// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "slices"

// Touched is what a finding is about: queries select by it.
type Touched struct {
	// First and Last bound the event time that the finding spans, inclusively.
	First, Last Nanos
	Services    []string
	Entities    []Entity
}

// Touches implements Finding.
func (c *Correlation) Touches() Touched {
	services := make([]string, 0, len(c.Entities))
	for i := range c.Entities {
		services = append(services, c.Entities[i].Service())
	}
	return Touched{First: c.Range.Start, Last: c.Range.End, Services: services, Entities: c.Entities}
}

// Touches implements Finding.
func (g *SemanticGroup) Touches() Touched {
	entities := slices.Clone(g.Impact.Entities)
	for i := range g.RootCause.Factors {
		entities = append(entities, g.RootCause.Factors[i].Entity)
	}
	return Touched{First: g.Range.Start, Last: g.Range.End, Services: g.Services, Entities: entities}
}

// Touches implements Finding.
func (i *Insight) Touches() Touched {
	return Touched{First: i.Time - min(i.Duration, i.Time), Last: i.Time, Services: i.Services}
}

// FindingQuery selects findings of one kind, each in its latest revision.
type FindingQuery struct {
	// EventName is the kind.
	EventName string
	// Filter is matched against the finding's record, save for Time, Services
	// and Namespaces, which are matched against what the finding touches.
	Filter Filter
	Paging Paging

	MinConfidence float64
	IDs           []string // one of these; empty: all
	GroupID       string   // "": of any group, or of none
	EvidenceID    string   // correlations that join this record; "": all

	CorrelationTypes []CorrelationType
	GroupTypes       []GroupType
	GroupStates      []GroupState
	GroupKinds       []GroupKind
	Audience         InsightAudience // AudienceEverybody: all
}

// Match reports whether the finding, carried by the record, is selected.
func (q *FindingQuery) Match(finding Finding, record *Event) bool {
	touched := finding.Touches()
	return q.Filter.Time.Overlaps(touched.First, touched.Last) &&
		q.Filter.Invert != q.holds(&touched, record) &&
		q.matchIdentity(finding.Identity()) && q.matchKind(finding)
}

// holds is the part of the match that Filter.Invert turns round.
func (q *FindingQuery) holds(touched *Touched, record *Event) bool {
	ofRecord := q.Filter
	ofRecord.Time, ofRecord.Services, ofRecord.Namespaces, ofRecord.Invert = TimeRange{}, nil, nil, false
	return anyOf(q.Filter.Services, touched.Services) &&
		anyOf(q.Filter.Namespaces, namespaces(touched.Entities)) &&
		ofRecord.MatchEvent(record)
}

// anyOf reports whether one of the names is wanted; where none is, all are.
func anyOf(wanted, names []string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(names, func(n string) bool { return slices.Contains(wanted, n) })
}

func namespaces(entities []Entity) []string {
	var names []string
	for i := range entities {
		labels := Labels{Record: entities[i].Attributes}
		if v, found := labels.Get(NewLabelKey("namespace")); found {
			names = append(names, v.Text())
		}
	}
	return names
}

func (q *FindingQuery) matchIdentity(identity FindingIdentity) bool {
	return len(q.IDs) == 0 || slices.Contains(q.IDs, identity.ID)
}

func (q *FindingQuery) matchKind(finding Finding) bool {
	switch f := finding.(type) {
	case *Correlation:
		return f.Confidence >= q.MinConfidence && (q.GroupID == "" || f.GroupID == q.GroupID) &&
			oneOfThese(q.CorrelationTypes, f.Type) && (q.EvidenceID == "" || f.joins(q.EvidenceID))
	case *SemanticGroup:
		return f.Confidence >= q.MinConfidence && oneOfThese(q.GroupTypes, f.Type) && oneOfThese(q.GroupStates, f.State) &&
			oneOfThese(q.GroupKinds, f.Kind)
	case *Insight:
		return f.Confidence >= q.MinConfidence && (q.GroupID == "" || f.GroupID == q.GroupID) &&
			(q.Audience == AudienceEverybody || f.Audience == q.Audience)
	default:
		return false
	}
}

func oneOfThese[T comparable](wanted []T, value T) bool {
	return len(wanted) == 0 || slices.Contains(wanted, value)
}

func (c *Correlation) joins(id string) bool {
	return slices.ContainsFunc(c.Members, func(m EvidenceRef) bool { return m.ID == id })
}
