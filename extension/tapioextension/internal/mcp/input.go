// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
)

const (
	defaultSince = "1h"
	// maxInput is the most values of a parameter that is a list.
	maxInput = 100
)

// timeRange reads since and until: RFC 3339, or how long before now.
func (s *server) timeRange(since, until string) (model.TimeRange, error) {
	now := s.Now()
	if since == "" {
		since = defaultSince
	}
	start, err := moment("since", since, now)
	if err != nil {
		return model.TimeRange{}, err
	}
	end := now
	if until != "" {
		if end, err = moment("until", until, now); err != nil {
			return model.TimeRange{}, err
		}
	}
	if !start.Before(end) {
		return model.TimeRange{}, model.InvalidField("since", "must be before until, is %s and until is %s",
			start.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
	}
	return model.TimeRange{Start: model.Nanos(max(start.UnixNano(), 1)), End: model.Nanos(end.UnixNano())}, nil
}

func moment(field, text string, now time.Time) (time.Time, error) {
	if text == "now" {
		return now, nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil && at.Year() > 1970 && at.Year() < 2262 {
		return at, nil
	}
	ago, err := duration(text)
	if err != nil {
		return time.Time{}, model.InvalidField(field, "must be a time in RFC 3339, such as 2026-01-02T15:04:05Z, or how long before now, such as 15m, 2h or 1d, is %q", text)
	}
	return now.Add(-ago), nil
}

// duration reads a duration that may also be in days.
func duration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	d, err := time.ParseDuration(text)
	if err == nil && d < 0 {
		d = -d
	}
	return d, err
}

func durationField(field, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := duration(text)
	if err != nil {
		return 0, model.InvalidField(field, "must be a number with a unit, such as 250ms or 2s, is %q", text)
	}
	return d, nil
}

// limit reads how many items to return.
func limit(asked, otherwise, most int) (int, error) {
	switch {
	case asked == 0:
		return otherwise, nil
	case asked < 1 || asked > most:
		return 0, model.InvalidField("limit", "must be 1 to %d, is %d", most, asked)
	default:
		return asked, nil
	}
}

// filter reads what most tools select records by.
func filter(times model.TimeRange, services []string, text string, attributes map[string]string) (model.Filter, error) {
	f := model.Filter{Time: times, Services: services, Text: model.FoldText(text)}
	if len(services) > maxInput || len(attributes) > maxInput {
		return f, model.InvalidField("services", "at most %d services and attributes may be given", maxInput)
	}
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		selector, err := model.NewSelector(key, "", []string{attributes[key]})
		if err != nil {
			return f, model.InvalidField("attributes", "%v", err)
		}
		f.Selectors = append(f.Selectors, selector)
	}
	return f, nil
}

// severities are the names of the classes of severity, in their order.
func severities() []any { return []any{"trace", "debug", "info", "warn", "error", "fatal"} }

// minSeverity reads a name that the schema accepts.
func minSeverity(name string) model.Severity {
	return model.Severity(1 + slices.Index(severities(), any(name)))
}

func severityName(class model.Severity) string {
	if class == model.SeverityUnspecified {
		return ""
	}
	name, _ := severities()[class-1].(string)
	return name
}

func traceID(text string) (model.TraceID, error) {
	id, err := model.ParseTraceID(text)
	if err != nil {
		return id, model.InvalidField("trace_id", "%v, is %q: query_traces and query_logs return trace ids", err, text)
	}
	return id, nil
}
