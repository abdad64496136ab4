// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tapio/tapio/internal/correlate/report"
	"github.com/tapio/tapio/internal/model"
)

// word is what the place is called.
func (p *place) word() string {
	if p.zone {
		return "zone " + p.name
	}
	return "node " + p.name
}

// within is how something is there.
func (p *place) within() string {
	if p.zone {
		return "in " + p.word()
	}
	return "on " + p.word()
}

// text says why the place is in question.
func (p *place) text() string {
	if p.short != nil {
		return p.short.text(p)
	}
	if p.names != "" {
		return fmt.Sprintf("names are not resolved on %s alone: lookups by %s fail", p.word(), report.Listed(p.callers()))
	}
	return fmt.Sprintf("%d of the %d services %s are affected at once (%s), none of which calls another, while %d elsewhere are not",
		len(p.hit), p.inside, p.within(), report.Listed(p.hit), p.outside)
}

// callers are the services there that look up names.
func (p *place) callers() []string {
	return slices.DeleteFunc(slices.Clone(p.hit), func(service string) bool { return service == p.names })
}

// entity is the place as a cause. A zone is no kind of entity, so its name says
// that it is one.
func (p *place) entity() model.Entity {
	entity := model.Entity{Kind: model.EntityNode, Name: p.name, Attributes: model.Attributes{{Key: p.key, Value: model.StringValue(p.name)}}}
	if p.zone {
		entity.Kind, entity.Name = model.EntityUnspecified, p.word()
	}
	return entity
}

// blame puts the place before the services that it hits, which keep what a
// callee leaves to those whom it explains.
func (p *place) blame(factors []model.CausalFactor) []model.CausalFactor {
	first := model.CausalFactor{Entity: p.entity(), Reason: p.text()}
	for i := range factors {
		f := &factors[i]
		if p.hits(f.Entity.Name) {
			first.Probability += (1 - inherited) * f.Probability
			first.Evidence = append(first.Evidence, f.Evidence...)
			f.Probability *= inherited
		}
	}
	first.Evidence = sortedEvidence(first.Evidence)
	slices.SortStableFunc(factors, func(a, b model.CausalFactor) int { return cmp.Compare(b.Probability, a.Probability) })
	factors = append([]model.CausalFactor{first}, factors[:min(maxFactors-1, len(factors))]...)
	for i := range factors {
		factors[i].Rank = uint32(i + 1)
	}
	return factors
}

// links lead from the place to those that it hits.
func (p *place) links(e *Engine, g *group) []model.CausalLink {
	var links []model.CausalLink
	for i := range g.ranking {
		r := &g.ranking[i]
		if own := g.ofService(r.service); p.hits(r.service) && len(own) > 0 && len(links) < maxFactors {
			links = append(links, model.CausalLink{
				Cause: p.entity(), Effect: serviceEntity(r.service), Onset: r.onset, Evidence: own[0].evidence,
				Mechanism:  fmt.Sprintf("%s runs %s: %s", r.service, p.within(), e.say(g.reasonOf(r))),
				Confidence: certainty(r.reason.strength),
			})
		}
	}
	return links
}
