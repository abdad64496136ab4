// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "github.com/tapio/tapio/internal/tapio"

func (e *Engine) describe(g *group) []tapio.Finding {
	sg := &tapio.SemanticGroup{Range: tapio.TimeRange{Start: g.opened, End: g.last}, Confidence: g.ranking[0].score / 400, FindingIdentity: tapio.FindingIdentity{ID: g.id, Revision: g.revision, Time: e.now}, State: g.state}
	total := 0.0
	for _, r := range g.ranking {
		total += r.score
	}
	for i, r := range g.ranking {
		sg.RootCause.Factors = append(sg.RootCause.Factors, tapio.CausalFactor{Rank: uint32(i + 1), Entity: tapio.Entity{Kind: tapio.EntityService, Name: r.service}, Probability: r.score / total, Reason: r.reason.text})
	}
	return []tapio.Finding{sg}
}
