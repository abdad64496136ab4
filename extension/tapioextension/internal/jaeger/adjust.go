// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// adjustedSpan is a copy of a span that may be changed but for what it refers to.
type adjustedSpan struct {
	model.Span
	warnings []string
}

// The names that Jaeger gives services that have none.
const (
	missingService = "missing-service-name"
	emptyService   = "empty-service-name"
)

// serviceOf is the name of a service as Jaeger has it, but for a name that is no
// string, which is taken as text.
func serviceOf(resource *model.Resource) string {
	name, found := resource.Attributes.Get(semconv.ServiceName)
	return nameOf(model.ServiceName{Name: name.Text(), Set: found})
}

func nameOf(s model.ServiceName) string {
	switch {
	case !s.Set:
		return missingService
	case s.Name == "":
		return emptyService
	default:
		return s.Name
	}
}

// sanitize does what Jaeger does with spans that arrive: one that ends before it
// has begun takes a nanosecond.
func sanitize(spans []model.Span) []adjustedSpan {
	list := make([]adjustedSpan, len(spans))
	for i := range spans {
		list[i].Span = spans[i]
		span := &list[i]
		if span.Start < span.End {
			continue
		}
		end := span.Start + 1
		span.warnings = append(span.warnings, fmt.Sprintf(
			"Negative duration detected, sanitizing end timestamp. Original end timestamp: %s, adjusted to: %s",
			utc(span.End), utc(end)))
		span.End = end
	}
	return list
}

func utc(t model.Nanos) time.Time { return time.Unix(0, int64(t)).UTC() }

// adjustForUI does what Jaeger does with a trace before it answers with it in the
// legacy API, but for tags and references.
func adjustForUI(spans []adjustedSpan) []adjustedSpan {
	separateServers(spans)
	spans = withoutDuplicates(spans)
	warnOfSkew(spans, skewText{host: addressOf, parent: uiParent, noParent: "invalid parent span IDs=%s; skipping clock skew adjustment"})
	return spans
}

// separateServers gives a server span that shares its id with the span of its
// client, as Zipkin has it, an id of its own, and its children that parent.
func separateServers(spans []adjustedSpan) {
	clients, used := map[model.SpanID]bool{}, map[model.SpanID]bool{}
	for i := range spans {
		used[spans[i].SpanID] = true
		if model.SpanKindName(spans[i].Kind) == "client" {
			clients[spans[i].SpanID] = true
		}
	}
	renamed := map[model.SpanID]model.SpanID{}
	last := uint64(0)
	for i := range spans {
		span := &spans[i]
		if model.SpanKindName(span.Kind) != "server" || !clients[span.SpanID] {
			continue
		}
		var id model.SpanID
		for last++; ; last++ {
			binary.BigEndian.PutUint64(id[:], last)
			if !used[id] {
				break
			}
		}
		renamed[span.SpanID] = id
		span.ParentID, span.SpanID = span.SpanID, id
	}
	for i := range spans {
		if parent, ok := renamed[spans[i].ParentID]; ok && spans[i].SpanID != parent {
			spans[i].ParentID = parent
		}
	}
}

// withoutDuplicates leaves out spans that repeat another one exactly.
func withoutDuplicates(spans []adjustedSpan) []adjustedSpan {
	byID := map[model.SpanID][]int{}
	kept := spans[:0]
	for i := range spans {
		span := spans[i]
		if slices.ContainsFunc(byID[span.SpanID], func(j int) bool { return sameSpan(&kept[j].Span, &span.Span) }) {
			continue
		}
		byID[span.SpanID] = append(byID[span.SpanID], len(kept))
		kept = append(kept, span)
	}
	return kept
}

func sameSpan(a, b *model.Span) bool {
	return a.ParentID == b.ParentID && a.Start == b.Start && a.End == b.End && a.Name == b.Name && a.Kind == b.Kind &&
		a.TraceState == b.TraceState && a.StatusCode == b.StatusCode && a.StatusMessage == b.StatusMessage &&
		a.Scope.Name == b.Scope.Name && a.Scope.Version == b.Scope.Version &&
		sameAttributes(a.Attributes, b.Attributes) && sameAttributes(a.Resource.Attributes, b.Resource.Attributes) &&
		slices.EqualFunc(a.Events, b.Events, func(x, y model.SpanEvent) bool {
			return x.Time == y.Time && x.Name == y.Name && sameAttributes(x.Attributes, y.Attributes)
		}) &&
		slices.EqualFunc(a.Links, b.Links, func(x, y model.SpanLink) bool {
			return x.TraceID == y.TraceID && x.SpanID == y.SpanID && sameAttributes(x.Attributes, y.Attributes)
		})
}

// sameAttributes compares without regard to order.
func sameAttributes(a, b model.Attributes) bool {
	return sortedAttributes(a).Equal(sortedAttributes(b))
}

func sortedAttributes(a model.Attributes) model.Attributes {
	byKey := func(x, y model.KeyValue) int { return strings.Compare(x.Key, y.Key) }
	if slices.IsSortedFunc(a, byKey) {
		return a
	}
	sorted := slices.Clone(a)
	slices.SortStableFunc(sorted, byKey)
	return sorted
}
