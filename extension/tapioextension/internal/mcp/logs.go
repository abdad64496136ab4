// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/tapio/tapio/internal/correlate/logtemplate"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

type queryLogsInput struct {
	Since       string            `json:"since,omitempty" jsonschema:"begin of the time range: RFC 3339, or how long ago such as 15m, 2h or 1d; 1h by default"`
	Until       string            `json:"until,omitempty" jsonschema:"end of the time range, in the same forms; now by default"`
	Services    []string          `json:"services,omitempty" jsonschema:"only records of these services"`
	MinSeverity string            `json:"min_severity,omitempty" jsonschema:"only records of this severity or higher"`
	Text        string            `json:"text,omitempty" jsonschema:"only records that contain this text, in any case"`
	Attributes  map[string]string `json:"attributes,omitempty" jsonschema:"only records with these attributes of record or resource, by name and exact value"`
	TraceID     string            `json:"trace_id,omitempty" jsonschema:"only records of this trace, 32 hex digits; then the time range is not used"`
	LogID       string            `json:"log_id,omitempty" jsonschema:"the one record with this id; the other parameters are not used then"`
	OldestFirst bool              `json:"oldest_first,omitempty" jsonschema:"return the oldest records of the time range instead of the newest"`
	Limit       int               `json:"limit,omitempty" jsonschema:"most records to return, 1 to 500; 50 by default"`
}

type logText struct {
	ID         string            `json:"log_id"`
	Time       string            `json:"time"`
	Service    string            `json:"service,omitempty"`
	Severity   string            `json:"severity,omitempty"`
	Event      string            `json:"event_name,omitempty"`
	Body       string            `json:"body,omitempty"`
	TraceID    string            `json:"trace_id,omitempty"`
	SpanID     string            `json:"span_id,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Resource   map[string]string `json:"resource,omitempty"`
}

func logOf(e *model.Event, withResource bool) logText {
	text := logText{
		ID: e.ID, Time: timeText(e.When()), Service: e.Resource.Service(), Severity: severityName(e.Severity()), Event: e.Name,
		Body: short(e.Body.Text(), bodyBytes), Attributes: attributesOf(e.Attributes),
	}
	if !e.TraceID.IsZero() {
		text.TraceID, text.SpanID = e.TraceID.String(), e.SpanID.String()
	}
	if withResource {
		text.Resource = attributesOf(e.Resource.Attributes)
	}
	return text
}

// logBytes bounds the records that are read for one answer.
const logBytes = 4 << 20

func (s *server) queryLogs(ctx context.Context, in *queryLogsInput) (*answer, error) {
	if in.LogID != "" {
		return s.oneLog(ctx, in.LogID)
	}
	query, err := s.logQuery(in)
	if err != nil {
		return nil, err
	}
	if query.Paging.Limit, err = limit(in.Limit, 50, 500); err != nil {
		return nil, err
	}
	page, err := s.Reader.QueryEvents(ctx, query)
	if err != nil {
		return nil, err
	}
	found := &answer{
		from: query.Filter.Time.Start, to: query.Filter.Time.End, more: !page.Next.IsZero(),
		hint: "request a shorter time range, a higher min_severity, services, text or attributes; or go on with until set to the time of the last record; log_patterns gives an overview",
	}
	list := make([]logText, len(page.Rows))
	for i := range page.Rows {
		list[i] = logOf(&page.Rows[i], false)
	}
	found.add("records", listOf(list)...)
	return found, nil
}

func (s *server) oneLog(ctx context.Context, id string) (*answer, error) {
	event, ok, err := s.Reader.EventByID(ctx, id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, model.InvalidField("log_id", "no record %q is stored: it was evicted, or the id is wrong", short(id, attributeBytes))
	}
	found := &answer{hint: "the record is too large"}
	found.add("records", logOf(&event, true))
	return found, nil
}

// findingIDKey is the attribute of the records that carry findings, which other tools
// return.
const findingIDKey = semconv.FindingID

func (s *server) logQuery(in *queryLogsInput) (query model.EventQuery, err error) {
	var times model.TimeRange
	if in.TraceID == "" || in.Since != "" || in.Until != "" {
		if times, err = s.timeRange(in.Since, in.Until); err != nil {
			return query, err
		}
	}
	if in.TraceID != "" {
		if query.TraceID, err = traceID(in.TraceID); err != nil {
			return query, err
		}
	}
	if query.Filter, err = filter(times, in.Services, in.Text, in.Attributes); err != nil {
		return query, err
	}
	if in.MinSeverity != "" {
		query.Filter.MinSeverity = minSeverity(in.MinSeverity)
	}
	withoutFindings, err := model.NewSelector(findingIDKey, string(model.OpNotExists), nil)
	if err != nil {
		return query, err
	}
	query.Filter.Selectors = append(query.Filter.Selectors, withoutFindings)
	query.Paging = model.Paging{MaxBytes: logBytes, Ascending: in.OldestFirst}
	return query, nil
}

type logPatternsInput struct {
	Since       string            `json:"since,omitempty" jsonschema:"begin of the time range: RFC 3339, or how long ago such as 15m, 2h or 1d; 1h by default"`
	Until       string            `json:"until,omitempty" jsonschema:"end of the time range, in the same forms; now by default"`
	Services    []string          `json:"services,omitempty" jsonschema:"only records of these services"`
	MinSeverity string            `json:"min_severity,omitempty" jsonschema:"only records of this severity or higher"`
	Text        string            `json:"text,omitempty" jsonschema:"only records that contain this text, in any case"`
	Attributes  map[string]string `json:"attributes,omitempty" jsonschema:"only records with these attributes of record or resource, by name and exact value"`
	Limit       int               `json:"limit,omitempty" jsonschema:"most patterns to return, 1 to 200; 50 by default"`
}

type patternText struct {
	Pattern   string         `json:"pattern"`
	Count     int            `json:"count"`
	Services  map[string]int `json:"services"`
	Severity  string         `json:"highest_severity,omitempty"`
	First     string         `json:"first"`
	Last      string         `json:"last"`
	ExampleID string         `json:"example_log_id"`
	Example   string         `json:"example"`

	severity model.Severity
	first    model.Nanos
	last     model.Nanos
}

// Patterns are taken from the newest records, so many at most.
const (
	minedRecords = 20_000
	minedPage    = 2000
	minerBytes   = 4 << 20
)

func (s *server) logPatterns(ctx context.Context, in *logPatternsInput) (*answer, error) {
	query, err := s.logQuery(&queryLogsInput{
		Since: in.Since, Until: in.Until, Services: in.Services, MinSeverity: in.MinSeverity, Text: in.Text, Attributes: in.Attributes,
	})
	if err != nil {
		return nil, err
	}
	most, err := limit(in.Limit, 50, 200)
	if err != nil {
		return nil, err
	}
	patterns, records, more, err := s.minePatterns(ctx, query)
	if err != nil {
		return nil, err
	}
	found := &answer{
		from: query.Filter.Time.Start, to: query.Filter.Time.End, more: more || len(patterns) > most,
		hint: "the newest records are grouped: request a shorter time range, a higher min_severity or services to cover the rest",
	}
	found.set("records_examined", records)
	found.add("patterns", listOf(patterns[:min(len(patterns), most)])...)
	return found, nil
}

// minePatterns groups the newest records; more reports that others were not looked
// at.
func (s *server) minePatterns(ctx context.Context, query model.EventQuery) (list []*patternText, records int, more bool, err error) {
	miner, known := logtemplate.NewPatterns(minerBytes), map[logtemplate.Pattern]*patternText{}
	query.Paging.Limit = minedPage
	for {
		page, err := s.Reader.QueryEvents(ctx, query)
		if err != nil {
			return nil, 0, false, err
		}
		for i := range page.Rows {
			pattern := miner.Of(&page.Rows[i])
			if known[pattern] == nil {
				known[pattern] = &patternText{Services: map[string]int{}}
			}
			known[pattern].add(&page.Rows[i])
		}
		records += len(page.Rows)
		if more = !page.Next.IsZero(); !more || records >= minedRecords {
			break
		}
		query.Paging.After = page.Next
	}
	for pattern, text := range known {
		text.Pattern, text.First, text.Last = pattern.Text(), timeText(text.first), timeText(text.last)
		text.Severity = severityName(text.severity)
	}
	list = slices.SortedFunc(maps.Values(known), func(a, b *patternText) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Pattern, b.Pattern), cmp.Compare(a.ExampleID, b.ExampleID))
	})
	return list, records, more, nil
}

func (p *patternText) add(e *model.Event) {
	if p.Count == 0 {
		p.ExampleID, p.Example, p.first = e.ID, short(e.Body.Text(), attributeBytes), e.When()
	}
	p.Count++
	if service := e.Resource.Service(); p.Services[service] > 0 || len(p.Services) < maxNamedServices {
		p.Services[service]++
	}
	p.severity = max(p.severity, e.Severity())
	p.first, p.last = min(p.first, e.When()), max(p.last, e.When())
}
