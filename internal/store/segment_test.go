// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
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

// restore reads all rows of a segment.
func restore[R any](c codec[R], s *segment, h *hint) (rows []R, places []int32) {
	l := &loader{segment: s}
	for b := range s.blocks {
		if h.blocks(s).has(b) && h.admits(s, b) {
			r := load(l, c, b, h)
			rows, places = append(rows, r.rows...), append(places, r.places...)
		}
	}
	return rows, places
}

func TestSegmentsGiveBackTheirRows(t *testing.T) {
	packer, seed := newPacker(), maphash.MakeSeed()
	for n := range uint64(8) {
		r := rand.New(rand.NewPCG(n, 2))
		events, spans := richEvents(r, 1+r.IntN(3*blockRows)), richSpans(r, 1+r.IntN(3*blockRows))
		s := seal(codec[tapio.Event](eventCodec{}), packer, seed, events)
		got, _ := restore(codec[tapio.Event](eventCodec{}), s, &hint{})
		require.Len(t, got, len(events))
		for i := range events {
			requireEqualEvents(t, &events[i], &got[i])
		}
		s = seal(codec[tapio.Span](spanCodec{}), packer, seed, spans)
		restored, _ := restore(codec[tapio.Span](spanCodec{}), s, &hint{})
		require.Len(t, restored, len(spans))
		for i := range spans {
			requireEqualSpans(t, &spans[i], &restored[i])
		}
	}
}

// requireEqualEvents compares attributes by what they say: NaN equals itself,
// and no attributes equal none.
func requireEqualEvents(t *testing.T, want, got *tapio.Event) {
	t.Helper()
	require.True(t, want.Body.Equal(got.Body), "%v, got %v", want.Body, got.Body)
	require.True(t, want.Attributes.Equal(got.Attributes), "%v, got %v", want.Attributes, got.Attributes)
	require.True(t, equalResources(want.Resource, got.Resource))
	require.True(t, equalScopes(want.Scope, got.Scope))
	a, b := *want, *got
	for _, e := range []*tapio.Event{&a, &b} {
		e.Seq, e.Body, e.Attributes, e.Resource, e.Scope = 0, tapio.Value{}, nil, nil, nil
	}
	require.Equal(t, a, b)
}

func requireEqualSpans(t *testing.T, want, got *tapio.Span) {
	t.Helper()
	require.True(t, want.Attributes.Equal(got.Attributes))
	require.True(t, equalResources(want.Resource, got.Resource))
	require.True(t, equalScopes(want.Scope, got.Scope))
	require.True(t, slices.EqualFunc(want.Events, got.Events, func(a, b tapio.SpanEvent) bool {
		return a.Time == b.Time && a.Name == b.Name && a.DroppedAttributes == b.DroppedAttributes && a.Attributes.Equal(b.Attributes)
	}))
	require.True(t, slices.EqualFunc(want.Links, got.Links, func(a, b tapio.SpanLink) bool {
		return a.TraceID == b.TraceID && a.SpanID == b.SpanID && a.TraceState == b.TraceState && a.Flags == b.Flags &&
			a.DroppedAttributes == b.DroppedAttributes && a.Attributes.Equal(b.Attributes)
	}))
	a, b := *want, *got
	for _, s := range []*tapio.Span{&a, &b} {
		s.Seq, s.Attributes, s.Events, s.Links, s.Resource, s.Scope = 0, nil, nil, nil, nil, nil
	}
	require.Equal(t, a, b)
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
	if r.IntN(3) == 0 {
		key := []string{"key.0", "key.1", "service", serviceKey, scopeKey, "pod"}[r.IntN(6)]
		operator := []tapio.Operator{tapio.OpEqual, tapio.OpIn, tapio.OpNotEqual, tapio.OpNotIn}[r.IntN(4)]
		selector, err := tapio.NewSelector(key, string(operator), []string{randomText(r)})
		require.NoError(t, err)
		f.Selectors = append(f.Selectors, selector)
	}
	return f
}

func TestIndexesLoseNoRow(t *testing.T) {
	packer, seed := newPacker(), maphash.MakeSeed()
	matching, all := 0, 0
	for n := range uint64(12) {
		r := rand.New(rand.NewPCG(n, 3))
		rows := richEvents(r, 2*blockRows)
		if n%2 == 0 { // blocks that differ from each other
			slices.SortFunc(rows, func(a, b tapio.Event) int { return cmp.Compare(a.Name, b.Name) })
		}
		if n%4 == 1 {
			for i := range rows {
				if i%100 == 0 {
					rows[i].Attributes = attributes(serviceKey, "service-1")
				}
			}
		}
		s := seal(codec[tapio.Event](eventCodec{}), packer, seed, rows)
		for range 50 {
			q := tapio.EventQuery{Filter: randomFilter(t, r), NamedOnly: r.IntN(4) == 0}
			if r.IntN(4) == 0 {
				q.TraceID = randomTrace(r)
			}
			match := eventMatcher(q)()
			loaded, places := restore(codec[tapio.Event](eventCodec{}), s, eventHint(&q))
			var want, got []int
			for i := range rows {
				if match(&rows[i]) {
					want = append(want, i)
				}
			}
			for i := range loaded {
				if match(&loaded[i]) {
					got = append(got, int(places[i]))
				}
			}
			require.Equal(t, want, got, "%+v", q)
			matching, all = matching+len(got), all+len(loaded)
		}
	}
	assert.Positive(t, matching)
	t.Logf("%d of %d loaded rows matched", matching, all)
}

func randomOptional(r *rand.Rand) tapio.Optional {
	if r.IntN(2) == 0 {
		return tapio.Optional{}
	}
	return tapio.Optional{Value: r.NormFloat64(), Set: true}
}

func randomSeries(r *rand.Rand) []*tapio.Series {
	o := randomOrigins(r)
	var list []*tapio.Series
	for i := range 20 {
		s := &tapio.Series{Attributes: randomAttributes(r, 1), Metric: &tapio.Metric{
			Name: fmt.Sprint("metric.", i%7), Description: randomText(r), Unit: "s", Metadata: randomAttributes(r, 1),
			Type: tapio.MetricType(i % 6), Temporality: tapio.Temporality(i % 3), Monotonic: i%2 == 0,
		}}
		s.Resource, s.Scope = o.pick(r)
		list = append(list, s)
	}
	return list
}

func richPoints(r *rand.Rand, n int) []tapio.Point {
	series, rows := randomSeries(r), make([]tapio.Point, n)
	for i := range rows {
		p := tapio.Point{
			Series: series[r.IntN(len(series))], Start: tapio.Nanos(randomNumber(r)), Time: tapio.Nanos(randomNumber(r)),
			Bits: randomNumber(r), Number: tapio.NumberKind(r.IntN(3)), Flags: r.Uint32N(3),
		}
		if r.IntN(2) == 0 {
			p.Bits = math.Float64bits(float64(r.IntN(100)) / 4)
		}
		switch r.IntN(6) {
		case 0:
			p.Histogram = &tapio.Histogram{
				Count: randomNumber(r), Sum: randomOptional(r), Min: randomOptional(r), Max: randomOptional(r),
				Bounds: []float64{1, 2.5}, Counts: []uint64{1, randomNumber(r), 3},
			}
		case 1:
			p.Exponential = &tapio.ExponentialHistogram{
				Count: 3, Sum: randomOptional(r), ZeroCount: 2, ZeroThreshold: 0.5, Scale: -3,
				Positive: tapio.Buckets{Offset: -5, Counts: []uint64{1, 2}}, Negative: tapio.Buckets{Offset: 9},
			}
		case 2:
			p.Summary = &tapio.Summary{Count: 1, Sum: r.Float64(), Quantiles: []tapio.Quantile{{Q: 0.5, Value: r.Float64()}}}
		}
		for range r.IntN(2) {
			p.Exemplars = append(p.Exemplars, tapio.Exemplar{
				Time: tapio.Nanos(randomNumber(r)), Bits: randomNumber(r), Number: 1, TraceID: randomTrace(r), SpanID: randomSpanID(r),
			})
		}
		rows[i] = p
	}
	return rows
}

func TestPointSegmentsGiveBackTheirRows(t *testing.T) {
	packer, seed := newPacker(), maphash.MakeSeed()
	for n := range uint64(4) {
		r := rand.New(rand.NewPCG(n, 4))
		points := richPoints(r, 1+r.IntN(2*pointBlockRows))
		s := seal(codec[tapio.Point](pointCodec{}), packer, seed, points)
		got, _ := restore(codec[tapio.Point](pointCodec{}), s, &hint{})
		require.Len(t, got, len(points))
		for i := range points {
			requireEqualPoints(t, &points[i], &got[i])
		}
	}
}

func requireEqualPoints(t *testing.T, want, got *tapio.Point) {
	t.Helper()
	require.True(t, equalMetrics(want.Series.Metric, got.Series.Metric))
	require.True(t, equalResources(want.Series.Resource, got.Series.Resource))
	require.True(t, equalScopes(want.Series.Scope, got.Series.Scope))
	require.True(t, want.Series.Attributes.Equal(got.Series.Attributes))
	a, b := *want, *got
	a.Series, b.Series = nil, nil
	require.Equal(t, a, b)
}

func TestIndexesLoseNoPoint(t *testing.T) {
	packer, seed := newPacker(), maphash.MakeSeed()
	for n := range uint64(5) {
		r := rand.New(rand.NewPCG(n, 5))
		rows := richPoints(r, 2*pointBlockRows)
		s := seal(codec[tapio.Point](pointCodec{}), packer, seed, rows)
		for range 30 {
			q := tapio.PointQuery{Filter: randomFilter(t, r)}
			if r.IntN(2) == 0 {
				q.Names = []string{[]string{"metric.1", "met*", "metric.9"}[r.IntN(3)], "metric.3"}
			}
			match := pointMatcher(q)()
			loaded, places := restore(codec[tapio.Point](pointCodec{}), s, pointHint(&q))
			var want, got []int
			for i := range rows {
				if match(&rows[i]) {
					want = append(want, i)
				}
			}
			for i := range loaded {
				if match(&loaded[i]) {
					requireEqualPoints(t, &rows[places[i]], &loaded[i])
					got = append(got, int(places[i]))
				}
			}
			require.Equal(t, want, got, "%+v", q)
		}
	}
}
