// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"maps"
	"slices"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// maxTimelineLogs is how many log records a timeline carries.
const maxTimelineLogs = 1_000

// Trace makes the message of a trace, with its spans and its summary.
func Trace(t *model.Trace) *tapiov1.Trace {
	out := TraceSummary(t)
	out.ResourceSpans = ResourceSpans(t.Spans)
	return out
}

// TraceSummary makes the message of a trace with its summary, without its spans.
func TraceSummary(t *model.Trace) *tapiov1.Trace {
	out := &tapiov1.Trace{TraceId: t.ID.String(), SpanCount: uint64(len(t.Spans))}
	if len(t.Spans) == 0 {
		return out
	}
	root := rootSpan(t.Spans)
	first, last := extent(t.Spans)
	out.RootService = service(&t.Spans[root])
	out.RootName = t.Spans[root].Name
	out.StartTime = timestamp(first)
	out.Duration = stretch(last - first)
	out.ErrorCount = countErrors(t.Spans)
	out.Services = services(t.Spans)
	out.Complete = t.Spans[root].ParentID.IsZero() && !missesParent(t.Spans)
	return out
}

// rootSpan finds the span that summaries name: the earliest without a parent,
// else the earliest of all.
func rootSpan(spans []model.Span) int {
	best := 0
	for i := range spans {
		isRoot, bestIsRoot := spans[i].ParentID.IsZero(), spans[best].ParentID.IsZero()
		if isRoot && !bestIsRoot || isRoot == bestIsRoot && spans[i].Start < spans[best].Start {
			best = i
		}
	}
	return best
}

// extent is the start of the earliest span and the end of the latest.
func extent(spans []model.Span) (first, last model.Nanos) {
	first = spans[0].Start
	for i := range spans {
		first = min(first, spans[i].Start)
		last = max(last, endOf(&spans[i]))
	}
	return first, last
}

func countErrors(spans []model.Span) uint64 {
	var n uint64
	for i := range spans {
		if spans[i].StatusCode == model.StatusError {
			n++
		}
	}
	return n
}

func services(spans []model.Span) []string {
	found := map[string]bool{}
	for i := range spans {
		if name := service(&spans[i]); name != "" {
			found[name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func service(s *model.Span) string {
	if s.Resource == nil {
		return ""
	}
	return s.Resource.Service()
}

func missesParent(spans []model.Span) bool {
	stored := make(map[model.SpanID]bool, len(spans))
	for i := range spans {
		stored[spans[i].SpanID] = true
	}
	return slices.ContainsFunc(spans, func(s model.Span) bool {
		return !s.ParentID.IsZero() && !stored[s.ParentID]
	})
}

// Timeline makes the message of a trace laid out in time. The logs come earliest
// first; of more than 1,000 the rest is left out.
func Timeline(t *model.Trace, logs []model.Event) *tapiov1.GetTraceTimelineResponse {
	out := &tapiov1.GetTraceTimelineResponse{
		Trace: TraceSummary(t),
		Logs:  Events(logs[:min(len(logs), maxTimelineLogs)]),
	}
	if len(t.Spans) == 0 {
		return out
	}
	first, _ := extent(t.Spans)
	for _, place := range layOut(t.Spans) {
		s := &t.Spans[place.span]
		out.Spans = append(out.Spans, &tapiov1.GetTraceTimelineResponse_TimelineSpan{
			Span:     span(s),
			Service:  service(s),
			Depth:    place.depth,
			Offset:   stretch(s.Start - first),
			Duration: stretch(s.Duration()),
			SelfTime: stretch(place.selfTime),
			Critical: place.critical,
			Orphan:   place.orphan,
		})
	}
	return out
}
