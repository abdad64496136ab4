// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/tapio/tapio/internal/model"
)

// traceSummary is what a list of traces shows of one. As in JSON of protobuf, zero
// is left out and a time in nanoseconds is a string.
type traceSummary struct {
	TraceID              string           `json:"traceId"` // always of 32 digits
	RootServiceName      string           `json:"rootServiceName,omitempty"`
	RootOperationName    string           `json:"rootOperationName,omitempty"`
	MinStartTimeUnixNano string           `json:"minStartTimeUnixNano,omitempty"`
	MaxEndTimeUnixNano   string           `json:"maxEndTimeUnixNano,omitempty"`
	SpanCount            int              `json:"spanCount,omitempty"`
	ErrorSpanCount       int              `json:"errorSpanCount,omitempty"`
	OrphanSpanCount      int              `json:"orphanSpanCount,omitempty"`
	Services             []serviceSummary `json:"services,omitempty"`
}

type serviceSummary struct {
	Name           string `json:"name"`
	SpanCount      int    `json:"spanCount,omitempty"`
	ErrorSpanCount int    `json:"errorSpanCount,omitempty"`
}

func (h *Handler) summariesV3(ctx context.Context, r *http.Request) ([]byte, error) {
	found, _, err := h.findV3(ctx, r)
	if err != nil {
		return nil, err
	}
	summaries := make([]traceSummary, len(found))
	for i := range found {
		summaries[i] = summarize(&found[i])
	}
	return json.Marshal(map[string][]traceSummary{"summaries": summaries})
}

func summarize(trace *model.Trace) traceSummary {
	spans := sanitize(trace.Spans)
	separateServers(spans)
	spans = withoutDuplicates(spans)
	ids := map[model.SpanID]bool{}
	for i := range spans {
		ids[spans[i].SpanID] = true
	}
	summary := traceSummary{TraceID: spans[0].TraceID.String(), SpanCount: len(spans)}
	services := map[string]*serviceSummary{}
	var root *adjustedSpan
	first, last := spans[0].Start, spans[0].End
	for i := range spans {
		span := &spans[i]
		first, last = min(first, span.Start), max(last, span.End)
		summary.count(span, services)
		switch {
		case !span.ParentID.IsZero():
			if !ids[span.ParentID] {
				summary.OrphanSpanCount++
			}
		case root == nil || span.Start < root.Start:
			root = span
		}
	}
	if root != nil {
		summary.RootServiceName, summary.RootOperationName = serviceOf(root.Resource), root.Name
	}
	summary.MinStartTimeUnixNano, summary.MaxEndTimeUnixNano = nanosText(first), nanosText(last)
	for _, name := range slices.Sorted(maps.Keys(services)) {
		summary.Services = append(summary.Services, *services[name])
	}
	return summary
}

// count adds a span to its service.
func (s *traceSummary) count(span *adjustedSpan, services map[string]*serviceSummary) {
	name := serviceOf(span.Resource)
	if services[name] == nil {
		services[name] = &serviceSummary{Name: name}
	}
	services[name].SpanCount++
	if span.StatusCode == model.StatusError {
		services[name].ErrorSpanCount++
		s.ErrorSpanCount++
	}
}

func nanosText(t model.Nanos) string { return strconv.FormatUint(uint64(t), 10) }
