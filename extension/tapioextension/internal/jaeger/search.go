// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// search selects traces by a span that meets all conditions.
type search struct {
	service, operation       string // "" is any
	start, end               time.Time
	tags                     []model.SpanTag
	minDuration, maxDuration time.Duration // 0: no bound
	limit                    int
}

// find returns the newest traces, limit at most. more reports that others were left
// out for the size of the answer.
func (h *Handler) find(ctx context.Context, s *search) (found []model.Trace, more bool, err error) {
	query, err := s.query()
	if err != nil {
		return nil, false, err
	}
	room := answerBytes
	for {
		query.Paging.Limit, query.Paging.MaxBytes = s.limit-len(found), room
		page, err := h.reader.QueryTraces(ctx, query)
		if err != nil {
			return nil, false, err
		}
		for _, trace := range page.Rows {
			if slices.ContainsFunc(trace.Spans, func(span model.Span) bool { return s.match(&span) }) {
				found = append(found, trace)
				room -= sizeOf(trace.Spans)
			}
		}
		if page.Next.IsZero() || len(found) == s.limit {
			return found, false, nil
		}
		if room <= 0 || len(page.Rows) > 0 && len(page.Rows) < query.Paging.Limit {
			return found, true, nil
		}
		query.Paging.After = page.Next
	}
}

func sizeOf(spans []model.Span) (bytes int) {
	for i := range spans {
		bytes += spans[i].Size()
	}
	return bytes
}

// query is the search in the terms of the store. What it selects may be more than
// match does.
func (s *search) query() (model.TraceQuery, error) {
	q := model.TraceQuery{
		MinDuration: s.minDuration, MaxDuration: s.maxDuration, Tags: s.tags,
		Filter: model.Filter{Time: model.TimeRange{Start: nanos(s.start), End: nanos(s.end) + 1}},
	}
	if s.operation != "" {
		q.Operations = []string{s.operation}
	}
	var err error
	q.Filter.Services, q.Filter.Selectors, err = selectService(s.service)
	return q, err
}

// selectService selects a service by the name that Jaeger gives it.
func selectService(name string) (services []string, selectors []model.Selector, err error) {
	switch name {
	case "":
		return nil, nil, nil
	case missingService:
		without, err := model.NewSelector(semconv.ServiceName, string(model.OpNotExists), nil)
		return nil, []model.Selector{without}, err
	case emptyService:
		return []string{""}, nil, nil
	default:
		return []string{name}, nil, nil
	}
}

// match is what a pattern of the store cannot say: an operation with a * at its end
// is one operation.
func (s *search) match(span *model.Span) bool {
	if !strings.HasSuffix(s.operation, "*") {
		return true
	}
	return span.Name == s.operation && (s.service == "" || serviceOf(span.Resource) == s.service)
}

// nanos is a time as the store has it, or the nearest one that it can have.
func nanos(t time.Time) model.Nanos {
	switch {
	case t.Before(time.Unix(0, 1)):
		return 1
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	default:
		return model.Nanos(t.UnixNano())
	}
}
