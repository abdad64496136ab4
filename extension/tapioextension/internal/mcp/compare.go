// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"

	"github.com/tapio/tapio/internal/model"
)

type compareInput struct {
	Signal        string            `json:"signal" jsonschema:"compare spans (traces) or log records (logs)"`
	Since         string            `json:"since,omitempty" jsonschema:"begin of the time range: RFC 3339, or how long ago such as 15m, 2h or 1d; 1h by default"`
	Until         string            `json:"until,omitempty" jsonschema:"end of the time range, in the same forms; now by default"`
	Services      []string          `json:"services,omitempty" jsonschema:"only these services, in the selection and in the baseline"`
	Operation     string            `json:"operation,omitempty" jsonschema:"of spans: name, exact or a prefix with a trailing *, in the selection and in the baseline"`
	OnlyErrors    bool              `json:"only_errors,omitempty" jsonschema:"of spans: select those with status error"`
	MinDuration   string            `json:"min_duration,omitempty" jsonschema:"of spans: select those that take at least so long, such as 250ms"`
	MinSeverity   string            `json:"min_severity,omitempty" jsonschema:"of log records: select those of this severity or higher"`
	Text          string            `json:"text,omitempty" jsonschema:"select records that contain this text, in any case"`
	Attributes    map[string]string `json:"attributes,omitempty" jsonschema:"select records with these attributes, by name and exact value"`
	BaselineSince string            `json:"baseline_since,omitempty" jsonschema:"begin of another time range to compare with; by default the baseline is of the same time"`
	BaselineUntil string            `json:"baseline_until,omitempty" jsonschema:"end of that other time range"`
	Limit         int               `json:"limit,omitempty" jsonschema:"most differences to return, 1 to 100; 30 by default"`
}

type differenceText struct {
	Attribute     string `json:"attribute"`
	Value         string `json:"value"`
	Selection     string `json:"share_of_selection"`
	Baseline      string `json:"share_of_baseline"`
	SelectionSeen uint64 `json:"selection_records"`
	BaselineSeen  uint64 `json:"baseline_records"`
}

func (s *server) compareAttributes(ctx context.Context, in *compareInput) (*answer, error) {
	query, err := s.comparison(in)
	if err != nil {
		return nil, err
	}
	if query.Limit, err = limit(in.Limit, 30, 100); err != nil {
		return nil, err
	}
	compared, err := s.Reader.CompareAttributes(ctx, query)
	if err != nil {
		return nil, err
	}
	times := query.Selection.Filter.Time
	found := &answer{from: times.Start, to: times.End, hint: "request a lower limit"}
	found.set("selection_records", compared.SelectionRecords)
	found.set("baseline_records", compared.BaselineRecords)
	found.set("estimated_from_sample", compared.Estimated)
	differences := make([]differenceText, len(compared.Differences))
	for i := range compared.Differences {
		d := &compared.Differences[i]
		differences[i] = differenceText{
			short(d.Label, attributeBytes), short(d.Value, attributeBytes), percent(d.SelectionShare), percent(d.BaselineShare), d.SelectionCount, d.BaselineCount,
		}
	}
	found.add("differences", listOf(differences)...)
	return found, nil
}

// comparison is a selection and, without its conditions, what it is compared with.
func (s *server) comparison(in *compareInput) (q model.CompareQuery, err error) {
	if !in.OnlyErrors && in.MinDuration == "" && in.MinSeverity == "" && in.Text == "" && len(in.Attributes) == 0 && in.BaselineSince == "" {
		return q, model.InvalidField("only_errors", "the selection equals its baseline: "+
			"give only_errors, min_duration, min_severity, text, attributes or baseline_since")
	}
	times, err := s.timeRange(in.Since, in.Until)
	if err != nil {
		return q, err
	}
	baseline := times
	if in.BaselineSince != "" {
		if baseline, err = s.timeRange(in.BaselineSince, in.BaselineUntil); err != nil {
			return q, model.InvalidField("baseline_since", "%v", err)
		}
	}
	if q.Selection.Filter, err = filter(times, in.Services, in.Text, in.Attributes); err != nil {
		return q, err
	}
	q.Baseline.Filter = model.Filter{Time: baseline, Services: in.Services}
	if in.Signal == "logs" {
		return q, selectLogs(&q, in)
	}
	return q, selectSpans(&q, in)
}

func selectLogs(q *model.CompareQuery, in *compareInput) error {
	if in.OnlyErrors || in.MinDuration != "" || in.Operation != "" {
		return model.InvalidField("signal", "only_errors, min_duration and operation are of spans: set signal to traces, or use min_severity")
	}
	q.Selection.Signal, q.Baseline.Signal = model.SignalLogs, model.SignalLogs
	if in.MinSeverity != "" {
		q.Selection.Filter.MinSeverity = minSeverity(in.MinSeverity)
	}
	return nil
}

func selectSpans(q *model.CompareQuery, in *compareInput) (err error) {
	if in.MinSeverity != "" {
		return model.InvalidField("signal", "min_severity is of log records: set signal to logs, or use only_errors")
	}
	q.Selection.Signal, q.Baseline.Signal = model.SignalTraces, model.SignalTraces
	if in.Operation != "" {
		q.Selection.Operations, q.Baseline.Operations = []string{in.Operation}, []string{in.Operation}
	}
	if in.OnlyErrors {
		q.Selection.StatusCodes = []int32{model.StatusError}
	}
	q.Selection.MinDuration, err = durationField("min_duration", in.MinDuration)
	return err
}
