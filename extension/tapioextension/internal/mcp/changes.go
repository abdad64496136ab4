// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

func changeTypes() []any { return []any{"deployment", "restart", "configuration", "scale", "other"} }

type whatChangedInput struct {
	Since    string   `json:"since,omitempty" jsonschema:"begin of the time range: RFC 3339, or how long ago such as 15m, 2h or 1d; 1h by default"`
	Until    string   `json:"until,omitempty" jsonschema:"end of the time range, in the same forms; now by default"`
	Services []string `json:"services,omitempty" jsonschema:"only changes of these services"`
	Types    []string `json:"types,omitempty" jsonschema:"only changes of these types; all by default"`
	Limit    int      `json:"limit,omitempty" jsonschema:"most changes to return, 1 to 500; 100 by default"`
}

type changeText struct {
	Time      string `json:"time"`
	Type      string `json:"type"`
	Service   string `json:"service,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Instance  string `json:"instance,omitempty"`
	From      string `json:"from,omitempty"`
	To        string `json:"to,omitempty"`
	Summary   string `json:"summary"`
	LogID     string `json:"log_id,omitempty"`
}

func (s *server) whatChanged(ctx context.Context, in *whatChangedInput) (*answer, error) {
	times, err := s.timeRange(in.Since, in.Until)
	if err != nil {
		return nil, err
	}
	most, err := limit(in.Limit, 100, 500)
	if err != nil {
		return nil, err
	}
	selected, err := filter(times, in.Services, "", nil)
	if err != nil {
		return nil, err
	}
	query := model.ChangeQuery{Filter: selected, Paging: model.Paging{Limit: most}}
	for _, name := range in.Types {
		query.Types = append(query.Types, model.ChangeType(1+slices.Index(changeTypes(), any(name))))
	}
	page, err := s.Reader.GetChanges(ctx, query)
	if err != nil {
		return nil, err
	}
	found := &answer{from: times.Start, to: times.End, more: !page.Next.IsZero(), hint: "request a shorter time range, services, or types such as deployment"}
	changes := make([]changeText, len(page.Rows))
	for i := range page.Rows {
		c := &page.Rows[i]
		changes[i] = changeText{
			Time: timeText(c.Time), Type: changeName(c.Type), Service: c.Service, Namespace: c.Namespace, Instance: c.Instance,
			From: short(c.From, attributeBytes), To: short(c.To, attributeBytes), Summary: short(c.Summary, bodyBytes), LogID: c.EventID,
		}
	}
	found.add("changes", listOf(changes)...)
	return found, nil
}

func changeName(t model.ChangeType) string {
	if t == model.ChangeUnspecified || int(t) > len(changeTypes()) {
		return ""
	}
	name, _ := changeTypes()[t-1].(string)
	return name
}
