// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/tapio"
)

// randomText is often one of a few, sometimes empty, long, strange or new.
func randomText(r *rand.Rand) string {
	switch r.IntN(6) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("%x", r.Uint64())
	case 2:
		return "\x00ÄÖ\x01\x02\xff İ" + string(rune(r.IntN(0x3000)))
	case 3:
		return strings.Repeat("Long ", r.IntN(200))
	default:
		return fmt.Sprint("text ", r.IntN(5))
	}
}

func randomValue(r *rand.Rand, depth int) tapio.Value {
	kinds := 8
	if depth == 0 {
		kinds = 6
	}
	switch tapio.Kind(r.IntN(kinds)) {
	case tapio.KindString:
		return tapio.StringValue(randomText(r))
	case tapio.KindBool:
		return tapio.BoolValue(r.IntN(2) == 0)
	case tapio.KindInt:
		return tapio.IntValue(int64(r.Uint64() >> r.IntN(64)))
	case tapio.KindDouble:
		return tapio.DoubleValue(math.Float64frombits(r.Uint64()))
	case tapio.KindBytes:
		return tapio.BytesValue([]byte(randomText(r)))
	case tapio.KindArray:
		return tapio.ArrayValue(randomValue(r, depth-1), randomValue(r, depth-1))
	case tapio.KindMap:
		return tapio.MapValue(randomAttributes(r, depth-1))
	default:
		return tapio.Value{}
	}
}

func randomAttributes(r *rand.Rand, depth int) tapio.Attributes {
	var list tapio.Attributes
	for range r.IntN(5) {
		list = append(list, tapio.KeyValue{Key: fmt.Sprint("key.", r.IntN(6)), Value: randomValue(r, depth)})
	}
	if r.IntN(8) == 0 {
		key := []string{"k8s.namespace.name", "service.namespace", "namespace", scopeKey}[r.IntN(4)]
		list = append(list, tapio.KeyValue{Key: key, Value: tapio.StringValue(fmt.Sprint("text ", r.IntN(3)))})
	}
	return list
}

// randomNumber is small, large, or 0.
func randomNumber(r *rand.Rand) uint64 { return r.Uint64() >> r.IntN(65) }

func randomTrace(r *rand.Rand) tapio.TraceID {
	return tapio.TraceID{0: byte(r.IntN(40)), 15: byte(r.IntN(2))}
}

func randomSpanID(r *rand.Rand) tapio.SpanID { return tapio.SpanID{7: byte(r.IntN(200))} }

type origins struct {
	resources []*tapio.Resource
	scopes    []*tapio.Scope
}

func randomOrigins(r *rand.Rand) origins {
	o := origins{resources: []*tapio.Resource{{}}, scopes: []*tapio.Scope{{}}}
	for range 5 {
		o.resources = append(o.resources, &tapio.Resource{
			Attributes: append(attributes(serviceKey, fmt.Sprint("service-", r.IntN(3))), randomAttributes(r, 2)...),
			SchemaURL:  randomText(r), DroppedAttributes: r.Uint32(),
			EntityRefs: []tapio.EntityRef{{SchemaURL: "s", Type: "t", IDKeys: []string{"a", "b"}, DescriptionKeys: []string{"c"}}},
		})
		o.scopes = append(o.scopes, &tapio.Scope{
			Name: randomText(r), Version: "1", SchemaURL: "u", Attributes: randomAttributes(r, 1), DroppedAttributes: 7,
		})
	}
	return o
}

func (o *origins) pick(r *rand.Rand) (*tapio.Resource, *tapio.Scope) {
	return o.resources[r.IntN(len(o.resources))], o.scopes[r.IntN(len(o.scopes))]
}

func richEvents(r *rand.Rand, n int) []tapio.Event {
	o := randomOrigins(r)
	rows := make([]tapio.Event, n)
	for i := range rows {
		e := tapio.Event{
			Time: tapio.Nanos(randomNumber(r)), ObservedTime: tapio.Nanos(randomNumber(r)),
			SeverityNumber: int32(r.IntN(30)) - 2, SeverityText: randomText(r), Name: randomText(r),
			Body: randomValue(r, 3), Attributes: randomAttributes(r, 3), TraceID: randomTrace(r), SpanID: randomSpanID(r),
			Flags: r.Uint32(), DroppedAttributes: r.Uint32() >> r.IntN(32),
		}
		e.Resource, e.Scope = o.pick(r)
		if r.IntN(3) == 0 {
			e.Body = tapio.StringValue(fmt.Sprintf("of %s in %s of %s", e.SpanID, e.TraceID, e.TraceID))
		}
		rows[i] = e
	}
	return rows
}

func richSpans(r *rand.Rand, n int) []tapio.Span {
	o := randomOrigins(r)
	rows := make([]tapio.Span, n)
	for i := range rows {
		s := tapio.Span{
			TraceID: randomTrace(r), SpanID: randomSpanID(r), ParentID: randomSpanID(r),
			Start: tapio.Nanos(randomNumber(r)), End: tapio.Nanos(randomNumber(r)), Name: randomText(r),
			TraceState: randomText(r), StatusMessage: randomText(r), Attributes: randomAttributes(r, 2),
			Kind: r.Int32N(6), StatusCode: r.Int32N(3), Flags: r.Uint32(),
			DroppedAttributes: r.Uint32N(3), DroppedEvents: r.Uint32N(3), DroppedLinks: r.Uint32N(3),
		}
		s.Resource, s.Scope = o.pick(r)
		for range r.IntN(3) {
			s.Events = append(s.Events, tapio.SpanEvent{Time: tapio.Nanos(randomNumber(r)), Name: randomText(r), Attributes: randomAttributes(r, 1), DroppedAttributes: 3})
			s.Links = append(s.Links, tapio.SpanLink{TraceID: randomTrace(r), SpanID: randomSpanID(r), TraceState: randomText(r), Attributes: randomAttributes(r, 1), Flags: 1, DroppedAttributes: 2})
		}
		rows[i] = s
	}
	return rows
}

func randomFilter(t *testing.T, r *rand.Rand) tapio.Filter {
	t.Helper()
	var f tapio.Filter
	f.Invert = r.IntN(6) == 0
	if r.IntN(3) == 0 {
		f.Services = []string{fmt.Sprint("service-", r.IntN(4))}
	}
	if r.IntN(3) == 0 {
		f.Text = tapio.FoldText(randomText(r))
	}
	if r.IntN(3) == 0 {
		f.MinSeverity = tapio.Severity(r.IntN(7))
	}
	if r.IntN(4) == 0 {
		f.Severities = []tapio.Severity{tapio.Severity(r.IntN(7)), tapio.SeverityError}
	}
	if r.IntN(4) == 0 {
		f.EventNames = []string{randomText(r), "text 1"}
	}
	if r.IntN(5) == 0 {
		f.EventNames = []string{"te*"}
	}
	if r.IntN(3) == 0 {
		f.Time = tapio.TimeRange{Start: tapio.Nanos(randomNumber(r) / 2), End: tapio.Nanos(randomNumber(r))}
	}
	if r.IntN(5) == 0 {
		f.Namespaces = []string{randomText(r)}
	}
	for r.IntN(3) == 0 {
		f.Selectors = append(f.Selectors, randomSelector(t, r))
	}
	return f
}

func randomSelector(t *testing.T, r *rand.Rand) tapio.Selector {
	t.Helper()
	key := []string{"key.0", "key.1", "key.2", "service", serviceKey, scopeKey, "namespace", "pod"}[r.IntN(8)]
	values := []string{randomText(r)}
	operator := []tapio.Operator{
		tapio.OpEqual, tapio.OpIn, tapio.OpNotEqual, tapio.OpNotIn, tapio.OpExists, tapio.OpNotExists,
		tapio.OpMatches, tapio.OpNotMatches, tapio.OpGreater, tapio.OpAtMost,
	}[r.IntN(10)]
	switch operator {
	case tapio.OpExists, tapio.OpNotExists:
		values = nil
	case tapio.OpMatches, tapio.OpNotMatches:
		values = []string{[]string{
			".*", "text .", "(?i)TEXT [0-3]", "text (1|2)", ".*ext 4|[0-9]+", "[0-9a-f]+", "(long|Long ).*", "service-[01]", "", "no such", "(?i).*LONG.*",
		}[r.IntN(11)]}
	case tapio.OpGreater, tapio.OpAtMost:
		values = []string{fmt.Sprint(r.IntN(2000) - 1000)}
	}
	selector, err := tapio.NewSelector(key, string(operator), values)
	require.NoError(t, err)
	return selector
}
