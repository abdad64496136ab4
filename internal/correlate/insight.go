// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"

	"github.com/tapio/tapio/internal/correlate/report"
	"github.com/tapio/tapio/internal/model"
)

// insights are the group's texts for each audience: on-call engineers, developers and managers.
func (de *describer) insights(g *group, sg *model.SemanticGroup, in *report.Incident) []model.Finding {
	var list []model.Finding
	for _, to := range [...]model.InsightAudience{model.AudienceSRE, model.AudienceDeveloper, model.AudienceManager} {
		list = append(list, &model.Insight{
			FindingIdentity: model.FindingIdentity{ID: fmt.Sprintf("%s-i%d", g.id, to), Revision: g.revision, Time: de.time.Now},
			GroupID:         g.id, Kind: g.kind, State: g.state, Audience: to, Title: sg.Title, Text: textFor(in, sg, to),
			Severity: severityOf(g.kind, sg.Impact.Level), Confidence: sg.Confidence, Services: sg.Services, Actions: sg.Actions,
			KeyFigures: in.Figures(), Evidence: sg.RootCause.Evidence, Duration: de.book.lasted(g),
		})
	}
	return list
}

func textFor(in *report.Incident, sg *model.SemanticGroup, to model.InsightAudience) string {
	switch to {
	case model.AudienceManager:
		return in.Manager()
	case model.AudienceDeveloper:
		return in.Developer()
	case model.AudienceSRE, model.AudienceEverybody: // the text below
	}
	return in.SRE(sg.Actions)
}

// lasted is how long the group has lasted, up to its end.
func (b *incidentBook) lasted(g *group) model.Nanos {
	span := b.began(g, g.span())
	if g.over == 0 {
		return b.time.Now - min(span.Start, b.time.Now)
	}
	return span.End - min(span.Start, span.End)
}

func severityOf(kind model.GroupKind, level model.ImpactLevel) model.Severity {
	if kind != model.GroupIncident {
		return model.SeverityInfo
	}
	switch level {
	case model.ImpactCritical:
		return model.SeverityFatal
	case model.ImpactHigh, model.ImpactMedium:
		return model.SeverityError
	default:
		return model.SeverityWarn
	}
}
