// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"context"
	"fmt"
	"net/http"
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
	counts, err := h.reader.CountCalls(ctx, times)
	if err != nil {
		return nil, err
	}
	service := r.FormValue("service")
	list := []dependency{}
	for _, c := range counts.Calls {
		parent, child := nameOf(c.Parent), nameOf(c.Child)
		if service == "" || parent == service || child == service {
			list = append(list, dependency{parent, child, c.Count})
		}
	}
	answer := &response{Data: list}
	if counts.Truncated {
		answer.Errors = []responseError{{Msg: fmt.Sprintf(
			"only the newest %d spans are counted, which is what one query may hold: use a shorter lookback, or raise store::query_memory", counts.Spans)}}
	}
	return answer, nil
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
