// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// dependency counts the calls of one service by another.
type dependency struct {
	Parent    string `json:"parent"`
	Child     string `json:"child"`
	CallCount uint64 `json:"callCount"`
}

// dependencies counts the spans whose parent is of the trace, by the services of
// both, among the traces of a time range.
func (h *Handler) dependencies(ctx context.Context, r *http.Request) (*response, error) {
	times, err := h.parseDependencies(r)
	if err != nil {
		return nil, badRequest(err)
	}
	counts, err := h.countCalls(ctx, times)
	if err != nil {
		return nil, err
	}
	service := r.FormValue("service")
	list := []dependency{}
	for calls, n := range counts {
		if service == "" || calls.parent == service || calls.child == service {
			list = append(list, dependency{calls.parent, calls.child, n})
		}
	}
	slices.SortFunc(list, func(a, b dependency) int {
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Child, b.Child))
	})
	return &response{Data: list}, nil
}

// parseDependencies reads the time range, which is in milliseconds.
func (h *Handler) parseDependencies(r *http.Request) (model.TimeRange, error) {
	end, err := parseUnits(r, "endTs", time.Millisecond, h.now())
	if err != nil {
		return model.TimeRange{}, err
	}
	lookback := defaultDependencyLookback
	if text := r.FormValue("lookback"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return model.TimeRange{}, parseError("lookback", err)
		}
		lookback = time.Duration(min(max(n, 0), int64(maxLookback/time.Millisecond))) * time.Millisecond
	}
	return model.TimeRange{Start: nanos(end.Add(-lookback)), End: nanos(end) + 1}, nil
}

// maxLookback keeps a lookback within what a duration can be.
const maxLookback = 100 * 365 * 24 * time.Hour

// calls are those of one service by another.
type calls struct{ parent, child string }

// pageTraces is how many traces are counted at a time.
const pageTraces = 1000

func (h *Handler) countCalls(ctx context.Context, times model.TimeRange) (map[calls]uint64, error) {
	counts := map[calls]uint64{}
	query := model.TraceQuery{Filter: model.Filter{Time: times}, Paging: model.Paging{Limit: pageTraces, MaxBytes: answerBytes}}
	for {
		page, err := h.reader.QueryTraces(ctx, query)
		if err != nil {
			return nil, err
		}
		for i := range page.Rows {
			countTrace(counts, page.Rows[i].Spans)
		}
		if page.Next.IsZero() {
			return counts, nil
		}
		query.Paging.After = page.Next
	}
}

func countTrace(counts map[calls]uint64, spans []model.Span) {
	services := make(map[model.SpanID]string, len(spans))
	for i := range spans {
		if _, known := services[spans[i].SpanID]; !known {
			services[spans[i].SpanID] = serviceOf(spans[i].Resource)
		}
	}
	for i := range spans {
		if parent, found := services[spans[i].ParentID]; found && !spans[i].ParentID.IsZero() {
			counts[calls{parent, serviceOf(spans[i].Resource)}]++
		}
	}
}
