// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// insights tells the group to those who write the code, those on call and those
// who decide.
func (e *Engine) insights(g *group, sg *model.SemanticGroup) []model.Finding {
	var list []model.Finding
	for _, to := range [...]model.InsightAudience{model.AudienceSRE, model.AudienceDeveloper, model.AudienceManager} {
		list = append(list, &model.Insight{
			FindingIdentity: model.FindingIdentity{ID: fmt.Sprintf("%s-i%d", g.id, to), Revision: g.revision, Time: e.now},
			GroupID:         g.id, Audience: to, Title: sg.Title, Text: g.tell(sg, to), Severity: severityOf(sg.Impact.Level),
			Confidence: sg.Confidence, Services: sg.Services, Actions: sg.Actions, KeyFigures: figures(g, sg),
			Evidence: sg.RootCause.Evidence, Duration: g.duration(),
		})
	}
	return list
}

func (g *group) duration() model.Nanos {
	first := g.ranking[0].onset
	return g.last - min(first, g.last)
}

func severityOf(level model.ImpactLevel) model.Severity {
	switch level {
	case model.ImpactCritical:
		return model.SeverityFatal
	case model.ImpactHigh, model.ImpactMedium:
		return model.SeverityError
	default:
		return model.SeverityWarn
	}
}

func figures(g *group, sg *model.SemanticGroup) []model.KeyFigure {
	r := g.ranking[0].reason
	list := []model.KeyFigure{
		{Name: "since", Value: clock(g.ranking[0].onset)},
		{Name: "lasted", Value: time.Duration(g.duration()).Round(time.Second).String()},
		{Name: "services touched", Value: fmt.Sprint(len(g.ranking))},
	}
	if sg.Impact.AffectedRequestRatio > 0 {
		list = append(list,
			model.KeyFigure{Name: "requests hit", Value: percent(sg.Impact.AffectedRequestRatio)},
			model.KeyFigure{Name: "error ratio", Value: percent(sg.Impact.ErrorRatio)})
	}
	switch {
	case r.key.class == classError && r.unit == "per slot":
		list = append(list, model.KeyFigure{Name: "errors", Value: fmt.Sprint(r.count)})
	case r.unit != "" && r.unit != "per slot":
		value := func(x float64) string {
			switch r.unit {
			case "ms":
				return millis(x)
			case "ratio":
				return percent(x)
			}
			return quantity(x, r.unit)
		}
		list = append(list, model.KeyFigure{Name: "before", Value: value(r.before)}, model.KeyFigure{Name: "now", Value: value(r.after)})
	}
	return list
}

// quoted makes a name safe to paste into a shell, whoever chose the name.
func quoted(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./", r)
	}
	if s != "" && s[0] != '-' && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
