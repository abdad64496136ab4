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

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store/segment"
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

func randomValue(r *rand.Rand, depth int) model.Value {
	kinds := 8
	if depth == 0 {
		kinds = 6
	}
	switch model.Kind(r.IntN(kinds)) {
	case model.KindString:
		return model.StringValue(randomText(r))
	case model.KindBool:
		return model.BoolValue(r.IntN(2) == 0)
	case model.KindInt:
		return model.IntValue(int64(r.Uint64() >> r.IntN(64)))
	case model.KindDouble:
		return model.DoubleValue(math.Float64frombits(r.Uint64()))
	case model.KindBytes:
		return model.BytesValue([]byte(randomText(r)))
	case model.KindArray:
		return model.ArrayValue(randomValue(r, depth-1), randomValue(r, depth-1))
	case model.KindMap:
		return model.MapValue(randomAttributes(r, depth-1))
	default:
		return model.Value{}
	}
}

func randomAttributes(r *rand.Rand, depth int) model.Attributes {
	var list model.Attributes
	for range r.IntN(5) {
		list = append(list, model.KeyValue{Key: fmt.Sprint("key.", r.IntN(6)), Value: randomValue(r, depth)})
	}
	if r.IntN(8) == 0 {
		key := []string{"k8s.namespace.name", "service.namespace", "namespace", segment.ScopeKey}[r.IntN(4)]
		list = append(list, model.KeyValue{Key: key, Value: model.StringValue(fmt.Sprint("text ", r.IntN(3)))})
	}
	return list
}

// randomNumber is small, large, or 0.
func randomNumber(r *rand.Rand) uint64 { return r.Uint64() >> r.IntN(65) }

func randomTrace(r *rand.Rand) model.TraceID {
	return model.TraceID{0: byte(r.IntN(40)), 15: byte(r.IntN(2))}
}

func randomSpanID(r *rand.Rand) model.SpanID { return model.SpanID{7: byte(r.IntN(200))} }

type origins struct {
	resources []*model.Resource
	scopes    []*model.Scope
}

func randomOrigins(r *rand.Rand) origins {
	o := origins{resources: []*model.Resource{{}}, scopes: []*model.Scope{{}}}
	for range 5 {
		o.resources = append(o.resources, &model.Resource{
			Attributes: append(attributes(semconv.ServiceName, fmt.Sprint("service-", r.IntN(3))), randomAttributes(r, 2)...),
			SchemaURL:  randomText(r), DroppedAttributes: r.Uint32(),
			EntityRefs: []model.EntityRef{{SchemaURL: "s", Type: "t", IDKeys: []string{"a", "b"}, DescriptionKeys: []string{"c"}}},
		})
		o.scopes = append(o.scopes, &model.Scope{
			Name: randomText(r), Version: "1", SchemaURL: "u", Attributes: randomAttributes(r, 1), DroppedAttributes: 7,
		})
	}
	return o
}

func (o *origins) pick(r *rand.Rand) (*model.Resource, *model.Scope) {
	return o.resources[r.IntN(len(o.resources))], o.scopes[r.IntN(len(o.scopes))]
}

func richEvents(r *rand.Rand, n int) []model.Event {
	o := randomOrigins(r)
	rows := make([]model.Event, n)
	for i := range rows {
		e := model.Event{
			Time: model.Nanos(randomNumber(r)), ObservedTime: model.Nanos(randomNumber(r)),
			SeverityNumber: int32(r.IntN(30)) - 2, SeverityText: randomText(r), Name: randomText(r),
			Body: randomValue(r, 3), Attributes: randomAttributes(r, 3), TraceID: randomTrace(r), SpanID: randomSpanID(r),
			Flags: r.Uint32(), DroppedAttributes: r.Uint32() >> r.IntN(32),
		}
		e.Resource, e.Scope = o.pick(r)
		if r.IntN(3) == 0 {
			e.Body = model.StringValue(fmt.Sprintf("of %s in %s of %s", e.SpanID, e.TraceID, e.TraceID))
		}
		rows[i] = e
	}
	return rows
}

func richSpans(r *rand.Rand, n int) []model.Span {
	o := randomOrigins(r)
	rows := make([]model.Span, n)
	for i := range rows {
		s := model.Span{
			TraceID: randomTrace(r), SpanID: randomSpanID(r), ParentID: randomSpanID(r),
			Start: model.Nanos(randomNumber(r)), End: model.Nanos(randomNumber(r)), Name: randomText(r),
			TraceState: randomText(r), StatusMessage: randomText(r), Attributes: randomAttributes(r, 2),
			Kind: r.Int32N(6), StatusCode: r.Int32N(3), Flags: r.Uint32(),
			DroppedAttributes: r.Uint32N(3), DroppedEvents: r.Uint32N(3), DroppedLinks: r.Uint32N(3),
		}
		s.Resource, s.Scope = o.pick(r)
		for range r.IntN(3) {
			s.Events = append(s.Events, model.SpanEvent{Time: model.Nanos(randomNumber(r)), Name: randomText(r), Attributes: randomAttributes(r, 1), DroppedAttributes: 3})
			s.Links = append(s.Links, model.SpanLink{TraceID: randomTrace(r), SpanID: randomSpanID(r), TraceState: randomText(r), Attributes: randomAttributes(r, 1), Flags: 1, DroppedAttributes: 2})
		}
		rows[i] = s
	}
	return rows
}

func randomFilter(t *testing.T, r *rand.Rand) model.Filter {
	t.Helper()
	var f model.Filter
	f.Invert = r.IntN(6) == 0
	if r.IntN(3) == 0 {
		f.Services = []string{fmt.Sprint("service-", r.IntN(4))}
	}
	if r.IntN(3) == 0 {
		f.Text = model.FoldText(randomText(r))
	}
	if r.IntN(3) == 0 {
		f.MinSeverity = model.Severity(r.IntN(7))
	}
	if r.IntN(4) == 0 {
		f.Severities = []model.Severity{model.Severity(r.IntN(7)), model.SeverityError}
	}
	if r.IntN(4) == 0 {
		f.EventNames = []string{randomText(r), "text 1"}
	}
	if r.IntN(5) == 0 {
		f.EventNames = []string{"te*"}
	}
	if r.IntN(3) == 0 {
		f.Time = model.TimeRange{Start: model.Nanos(randomNumber(r) / 2), End: model.Nanos(randomNumber(r))}
	}
	if r.IntN(5) == 0 {
		f.Namespaces = []string{randomText(r)}
	}
	for r.IntN(3) == 0 {
		f.Selectors = append(f.Selectors, randomSelector(t, r))
	}
	return f
}

func randomSelector(t *testing.T, r *rand.Rand) model.Selector {
	t.Helper()
	key := []string{"key.0", "key.1", "key.2", "service", semconv.ServiceName, segment.ScopeKey, "namespace", "pod"}[r.IntN(8)]
	values := []string{randomText(r)}
	operator := []model.Operator{
		model.OpEqual, model.OpIn, model.OpNotEqual, model.OpNotIn, model.OpExists, model.OpNotExists,
		model.OpMatches, model.OpNotMatches, model.OpGreater, model.OpAtMost,
	}[r.IntN(10)]
	switch operator {
	case model.OpExists, model.OpNotExists:
		values = nil
	case model.OpMatches, model.OpNotMatches:
		values = []string{[]string{
			".*", "text .", "(?i)TEXT [0-3]", "text (1|2)", ".*ext 4|[0-9]+", "[0-9a-f]+", "(long|Long ).*", "service-[01]", "", "no such", "(?i).*LONG.*",
		}[r.IntN(11)]}
	case model.OpGreater, model.OpAtMost:
		values = []string{fmt.Sprint(r.IntN(2000) - 1000)}
	}
	selector, err := model.NewSelector(key, string(operator), values)
	require.NoError(t, err)
	return selector
}
