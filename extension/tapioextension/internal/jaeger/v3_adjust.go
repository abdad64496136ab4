// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"cmp"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// warningsKey is the attribute under which API v3 reports what is odd about a
// span.
const warningsKey = "@jaeger@warnings"

// spansV3 are the spans of a trace as API v3 has them: those of one resource and
// scope stand together. Unless raw, they are adjusted as Jaeger does it. The first one
// warns of what is missing.
func spansV3(spans []model.Span, raw bool, missing []string) []model.Span {
	adjusted := sanitize(spans)
	resources := &resources{}
	for i := range adjusted {
		adjusted[i].Resource = resources.canonical(adjusted[i].Resource)
	}
	if !raw {
		adjusted = adjustV3(adjusted, resources)
	}
	adjusted[0].warnings = append(adjusted[0].warnings, missing...)
	list := make([]model.Span, len(adjusted))
	for i := range adjusted {
		list[i] = adjusted[i].Span
		list[i].Attributes = withWarnings(list[i].Attributes, adjusted[i].warnings)
	}
	return grouped(list, resources)
}

// resources are those of one trace, each once: of equal content, the same one.
type resources struct{ known, copies []*model.Resource }

// canonical returns the copy that stands for the resource. It has a service.name.
func (r *resources) canonical(resource *model.Resource) *model.Resource {
	for i, known := range r.known {
		if known == resource || known.SchemaURL == resource.SchemaURL && known.Attributes.Equal(resource.Attributes) {
			return r.copies[i]
		}
	}
	copied := *resource
	copied.Attributes = slices.Clone(resource.Attributes)
	if name, _ := resource.Attributes.Get(semconv.ServiceName); name.Kind() != model.KindString || name.Str() == "" {
		copied.Attributes = set(copied.Attributes, semconv.ServiceName, model.StringValue(serviceOf(resource)))
	}
	r.known, r.copies = append(r.known, resource), append(r.copies, &copied)
	return &copied
}

func set(attributes model.Attributes, key string, value model.Value) model.Attributes {
	for i := range attributes {
		if attributes[i].Key == key {
			attributes[i].Value = value
			return attributes
		}
	}
	return append(attributes, model.KeyValue{Key: key, Value: value})
}

func withWarnings(attributes model.Attributes, warnings []string) model.Attributes {
	if len(warnings) == 0 {
		return attributes
	}
	values := make([]model.Value, len(warnings))
	for i, warning := range warnings {
		values[i] = model.StringValue(warning)
	}
	return append(slices.Clone(attributes), model.KeyValue{Key: warningsKey, Value: model.ArrayValue(values...)})
}

// adjustV3 does what Jaeger does with a trace before it answers with it in API v3.
func adjustV3(spans []adjustedSpan, all *resources) []adjustedSpan {
	separateServers(spans)
	spans = withoutDuplicates(spans)
	warnOfSkew(spans, skewText{
		host: hostOf, parent: func(s *model.Span) model.SpanID { return s.ParentID },
		noParent: "parent span ID=%s is not in the trace; skipping clock skew adjustment",
	})
	for _, resource := range all.copies {
		resource.Attributes = withAddresses(sortedAttributes(resource.Attributes))
	}
	for i := range spans {
		span := &spans[i]
		span.Attributes = withAddresses(sortedAttributes(span.Attributes))
		span.Events = sortedEvents(span.Events)
		span.adjustLibrary()
		span.adjustLinks()
	}
	return spans
}

// withAddresses writes IPv4 addresses that are numbers as text.
func withAddresses(attributes model.Attributes) model.Attributes {
	for i := range attributes {
		kv := &attributes[i]
		if kv.Key != "ip" && kv.Key != semconv.PeerIpv4 {
			continue
		}
		switch kv.Kind() {
		case model.KindInt:
			return withAddress(attributes, i, uint32(kv.Int()))
		case model.KindDouble:
			return withAddress(attributes, i, uint32(kv.Value.Double()))
		default: // only a number is an address in 32 bits
		}
	}
	return attributes
}

func withAddress(attributes model.Attributes, i int, address uint32) model.Attributes {
	changed := slices.Clone(attributes)
	changed[i].Value = model.StringValue(addressText(address))
	return withAddresses(changed)
}

func sortedEvents(events []model.SpanEvent) []model.SpanEvent {
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b model.SpanEvent) int { return cmp.Compare(a.Name, b.Name) })
	for i := range sorted {
		sorted[i].Attributes = sortedAttributes(sorted[i].Attributes)
	}
	return sorted
}

// adjustLibrary moves the attributes of a span that describe its SDK to its resource, which is a copy
// of this answer.
func (s *adjustedSpan) adjustLibrary() {
	if !slices.ContainsFunc(s.Attributes, func(kv model.KeyValue) bool { return libraryKey(kv.Key) }) {
		return
	}
	var kept model.Attributes
	for _, kv := range s.Attributes {
		if !libraryKey(kv.Key) {
			kept = append(kept, kv)
			continue
		}
		if known, found := s.Resource.Attributes.Get(kv.Key); found && !known.Equal(kv.Value) {
			s.warnings = append(s.warnings, "conflicting values between Span and Resource for attribute "+kv.Key)
			kept = append(kept, kv)
			continue
		}
		s.Resource.Attributes = set(s.Resource.Attributes, kv.Key, kv.Value)
	}
	s.Attributes = kept
}

// adjustLinks removes links to no trace.
func (s *adjustedSpan) adjustLinks() {
	valid := make([]model.SpanLink, 0, len(s.Links))
	for _, link := range s.Links {
		if link.TraceID.IsZero() {
			s.warnings = append(s.warnings, "Invalid span link removed")
			continue
		}
		link.Attributes = sortedAttributes(link.Attributes)
		valid = append(valid, link)
	}
	s.Links = valid
}

// grouped puts the spans of one resource and scope together.
func grouped(spans []model.Span, all *resources) []model.Span {
	var scopes []*model.Scope
	for i := range spans {
		scope := spans[i].Scope
		at := slices.IndexFunc(scopes, func(s *model.Scope) bool { return sameScope(s, scope) })
		if at < 0 {
			scopes = append(scopes, scope)
		} else {
			spans[i].Scope = scopes[at]
		}
	}
	slices.SortStableFunc(spans, func(a, b model.Span) int {
		return cmp.Or(
			cmp.Compare(slices.Index(all.copies, a.Resource), slices.Index(all.copies, b.Resource)),
			cmp.Compare(slices.Index(scopes, a.Scope), slices.Index(scopes, b.Scope)))
	})
	return spans
}

func sameScope(a, b *model.Scope) bool {
	return a == b || a.Name == b.Name && a.Version == b.Version && a.SchemaURL == b.SchemaURL && a.Attributes.Equal(b.Attributes)
}
