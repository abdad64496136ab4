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

// word is the common name of the kind of place.
func (p *place) word() string {
	if p.zone {
		return "zone " + p.name
	}
	return "node " + p.name
}

// within is the phrase for something in the place.
func (p *place) within() string {
	if p.zone {
		return "in " + p.word()
	}
	return "on " + p.word()
}

// text is the sentence why the place is suspected.
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

// callers returns the services in the place that look up names.
func (p *place) callers() []string {
	return slices.DeleteFunc(slices.Clone(p.hit), func(service string) bool { return service == p.names })
}

// entity is the place as an entity. There is no kind of entity for a zone, so its name includes the
// word.
func (p *place) entity() model.Entity {
	entity := model.Entity{Kind: model.EntityNode, Name: p.name, Attributes: model.Attributes{{Key: p.key, Value: model.StringValue(p.name)}}}
	if p.zone {
		entity.Kind, entity.Name = model.EntityUnspecified, p.word()
	}
	return entity
}

// blame puts the place before the affected services. Their probability is reduced as if a callee
// explained them.
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

// links lead from the place to the affected services.
func (p *place) links(fs *facts, g *group) []model.CausalLink {
	var links []model.CausalLink
	for i := range g.ranking {
		r := &g.ranking[i]
		if own := g.ofService(r.service); p.hits(r.service) && len(own) > 0 && len(links) < maxFactors {
			links = append(links, model.CausalLink{
				Cause: p.entity(), Effect: serviceEntity(r.service), Onset: r.onset, Evidence: own[0].evidence,
				Mechanism:  fmt.Sprintf("%s runs %s: %s", r.service, p.within(), fs.say(g.reasonOf(r))),
				Confidence: certainty(r.reason.strength),
			})
		}
	}
	return links
}
