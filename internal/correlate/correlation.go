// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"slices"

	"github.com/tapio/tapio/internal/correlate/hash"
	"github.com/tapio/tapio/internal/model"
)

// maxPerRule bounds the correlations that one rule returns for one group.
const maxPerRule = 4

// rule finds anomalies that are related, and why. It gets the anomalies ordered by onset.
type rule func(de *describer, g *group, signs []*sign) []*model.Correlation

// correlate applies each rule.
func (de *describer) correlate(g *group, signs []*sign) []*model.Correlation {
	var list []*model.Correlation
	for _, r := range [...]rule{temporal, causal, spatial, semantic, statistical, traceContext} {
		found := r(de, g, signs)
		list = append(list, found[:min(maxPerRule, len(found))]...)
	}
	return list
}

// joined makes a correlation of at least two anomalies.
func (de *describer) joined(g *group, kind model.CorrelationType, name string, signs []*sign, score float64, why string) *model.Correlation {
	c := &model.Correlation{
		Type: kind, Rule: name, Explanation: why, Score: min(max(score, 0), 1), Confidence: 1,
		Range: model.TimeRange{Start: signs[0].onset},
	}
	h := hash.Text(hash.Seed, name)
	for _, s := range signs {
		h = hash.Text(hash.Text(h, s.key.service), s.key.what+s.key.peer)
		c.Members = append(c.Members, s.evidence...)
		c.Confidence = min(c.Confidence, certainty(s.strength))
		c.Range.Start = min(c.Range.Start, s.onset)
		c.Range.End = max(c.Range.End, s.last+1)
		entity := serviceEntity(s.key.service)
		if !slices.ContainsFunc(c.Entities, func(o model.Entity) bool { return o.Name == entity.Name }) {
			c.Entities = append(c.Entities, entity)
		}
	}
	c.Members = sortedEvidence(c.Members)
	c.FindingIdentity = model.FindingIdentity{ID: fmt.Sprintf("%s-c%08x", g.id, uint32(h)), Revision: g.revision, Time: de.time.Now}
	return c
}
