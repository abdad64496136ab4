// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"strings"

	"github.com/tapio/tapio/internal/model"
)

type candidateText struct {
	Rank        uint32         `json:"rank"`
	Entity      string         `json:"entity"`
	Probability float64        `json:"probability"`
	Reason      string         `json:"reason"`
	Within      []string       `json:"where_to_look,omitempty"`
	Evidence    []evidenceText `json:"evidence,omitempty"`
}

func candidates(factors []model.CausalFactor) []candidateText {
	list := make([]candidateText, len(factors))
	for i := range factors {
		f := &factors[i]
		list[i] = candidateText{
			Rank: f.Rank, Entity: entityText(&f.Entity), Probability: f.Probability, Reason: short(f.Reason, bodyBytes),
			Evidence: evidence(f.Evidence, maxFactorEvidence),
		}
		for j := range f.Within[:min(len(f.Within), maxFactorEvidence)] {
			list[i].Within = append(list[i].Within, entityText(&f.Within[j]))
		}
	}
	return list
}

// maxFactorEvidence is how much evidence a candidate names.
const maxFactorEvidence = 8

type linkText struct {
	Cause     string `json:"cause"`
	Effect    string `json:"effect"`
	Onset     string `json:"onset,omitempty"`
	Mechanism string `json:"mechanism"`
}

func chain(links []model.CausalLink) []linkText {
	list := make([]linkText, len(links))
	for i := range links {
		l := &links[i]
		list[i] = linkText{entityText(&l.Cause), entityText(&l.Effect), timeText(l.Onset), short(l.Mechanism, bodyBytes)}
	}
	return list
}

type actionText struct {
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Urgency     string   `json:"urgency,omitempty"`
	Commands    []string `json:"commands,omitempty"`
	ReadOnly    bool     `json:"commands_only_read"`
}

func actions(actions []model.RecommendedAction) []actionText {
	list := make([]actionText, len(actions))
	for i := range actions {
		a := &actions[i]
		list[i] = actionText{
			Title: a.Title, Description: short(a.Description, bodyBytes), Commands: a.Commands, ReadOnly: a.ReadOnly,
			Urgency: nameOf([]string{"", "low", "medium", "high"}, int(a.Urgency)),
		}
	}
	return list
}

type predictionText struct {
	Description string  `json:"description"`
	Earliest    string  `json:"earliest,omitempty"`
	Latest      string  `json:"latest,omitempty"`
	Probability float64 `json:"probability"`
}

func predictions(predictions []model.Prediction) []predictionText {
	list := make([]predictionText, len(predictions))
	for i := range predictions {
		p := &predictions[i]
		list[i] = predictionText{short(p.Description, bodyBytes), timeText(p.Expected.Start), timeText(p.Expected.End), p.Probability}
	}
	return list
}

// evidenceText points at a record; the parameters are those of the tool that
// returns it.
type evidenceText struct {
	Description string `json:"description,omitempty"`
	Time        string `json:"time,omitempty"`
	LogID       string `json:"log_id,omitempty"`
	TraceID     string `json:"trace_id,omitempty"`
	SpanID      string `json:"span_id,omitempty"`
	Metric      string `json:"metric,omitempty"`
	Correlation string `json:"correlation_id,omitempty"`
	Profile     string `json:"profile,omitempty"`
}

func evidence(refs []model.EvidenceRef, most int) []evidenceText {
	list := make([]evidenceText, 0, min(len(refs), most))
	seen := map[string]bool{}
	for i := range refs {
		ref := &refs[i]
		if seen[ref.ID] {
			continue
		}
		if len(list) == most {
			break
		}
		seen[ref.ID] = true
		text := evidenceText{Description: short(ref.Description, attributeBytes), Time: timeText(ref.Time)}
		switch ref.Kind {
		case model.EvidenceEvent:
			text.LogID = ref.ID
		case model.EvidenceSpan:
			text.TraceID, text.SpanID, _ = strings.Cut(ref.ID, ":")
		case model.EvidenceMetric:
			text.Metric = ref.ID
		case model.EvidenceCorrelation:
			text.Correlation = ref.ID
		case model.EvidenceProfile:
			text.Profile = ref.ID
		case model.EvidenceUnspecified: // the description is all there is
		}
		list = append(list, text)
	}
	return list
}

type similarText struct {
	ID      string `json:"incident_id"`
	Began   string `json:"began"`
	Ended   string `json:"ended,omitempty"`
	EndedBy string `json:"ended_by,omitempty"`
}

func similar(incidents []model.SimilarIncident) []similarText {
	list := make([]similarText, len(incidents))
	for i := range incidents {
		one := &incidents[i]
		list[i] = similarText{one.GroupID, timeText(one.Range.Start), timeText(one.Range.End), short(one.EndedBy, attributeBytes)}
	}
	return list
}
