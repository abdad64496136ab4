// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// callSpans makes traces whose spans come in any order; some parents are missing, and some
// start before the range that the test asks for.
func callSpans(r *rand.Rand, traces int) (rows []model.Span) {
	resources := make([]*model.Resource, 4)
	for i := range resources {
		resources[i] = resource(fmt.Sprint("service-", i))
	}
	resources = append(resources, &model.Resource{})
	for trace := range traces {
		id := model.TraceID{byte(r.IntN(2))}
		binary.BigEndian.PutUint64(id[8:], uint64(trace+1))
		for n := range 1 + r.IntN(8) {
			start := second(1000) + model.Nanos(trace)*1e9 + model.Nanos(n)*1e8
			s := model.Span{
				TraceID: id, SpanID: model.SpanID{1, byte(n)}, Start: start, End: start + 1e6, Name: fmt.Sprint("op-", r.IntN(3)), Kind: int32(r.IntN(6)),
				Resource: resources[r.IntN(len(resources))], Scope: &model.Scope{},
			}
			if n > 0 {
				s.ParentID = model.SpanID{1, byte(r.IntN(n + 1))}
			}
			if n > 0 && r.IntN(10) == 0 {
				s.ParentID = model.SpanID{2}
			}
			rows = append(rows, s)
		}
	}
	r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return rows
}

// expectedCalls joins each span with its parent in the plainest way.
func expectedCalls(rows []model.Span, times model.TimeRange) (calls []model.CallCount) {
	type ids struct {
		trace model.TraceID
		span  model.SpanID
	}
	key, services, counts := model.NewLabelKey(semconv.ServiceName), map[ids]model.ServiceName{}, map[[2]model.ServiceName]uint64{}
	serviceOf := func(s *model.Span) model.ServiceName {
		value, set := s.Labels().Get(key)
		return model.ServiceName{Name: value.Text(), Set: set}
	}
	for i := range rows {
		services[ids{rows[i].TraceID, rows[i].SpanID}] = serviceOf(&rows[i])
	}
	for i := range rows {
		parent, found := services[ids{rows[i].TraceID, rows[i].ParentID}]
		if found && times.Contains(rows[i].Start) {
			counts[[2]model.ServiceName{parent, serviceOf(&rows[i])}]++
		}
	}
	for pair, n := range counts {
		calls = append(calls, model.CallCount{Parent: pair[0], Child: pair[1], Count: n})
	}
	slices.SortFunc(calls, func(a, b model.CallCount) int {
		return cmp.Or(cmp.Compare(a.Parent.Name, b.Parent.Name), cmp.Compare(a.Child.Name, b.Child.Name))
	})
	return calls
}

func TestCountCalls(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	s.SetLimits(Limits{Traces: 64 * mebibyte, QueryMemory: 1 << 30})
	rows := callSpans(rand.New(rand.NewPCG(1, 2)), 5000)
	for block := range slices.Chunk(rows, 1000) {
		require.Zero(t, refusedOf(s.AppendSpans(slices.Clone(block))))
	}
	settle(s)
	for _, times := range []model.TimeRange{{}, {Start: second(2000), End: second(2500)}, {Start: second(5000)}, {Start: second(9000)}} {
		got, err := s.CountCalls(t.Context(), times)
		require.NoError(t, err)
		require.Equal(t, expectedCalls(rows, times), got.Calls, "%v", times)
		require.False(t, got.Truncated)
	}
}

// Spans above the memory of one query are left out, the oldest first, and that is reported.
func TestCountCallsWithinItsMemory(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	s.SetLimits(Limits{Traces: 64 * mebibyte, QueryMemory: 4 * 1000 * spanRefBytes})
	var rows []model.Span
	for i := range 2000 {
		at := second(1000 + i)
		parent := spanOf(1, 1, 0, "web", kindServer, at)
		child := spanOf(1, 2, 1, "cart", kindServer, at)
		for _, span := range []*model.Span{&parent, &child} {
			binary.BigEndian.PutUint64(span.TraceID[8:], uint64(i))
			rows = append(rows, *span)
		}
	}
	require.Zero(t, refusedOf(s.AppendSpans(rows)))
	settle(s)
	got, err := s.CountCalls(t.Context(), model.TimeRange{})
	require.NoError(t, err)
	require.True(t, got.Truncated)
	require.EqualValues(t, 1000, got.Spans)
	require.Len(t, got.Calls, 1)
	require.InDelta(t, 500, got.Calls[0].Count, 1)
}

// The summary of a segment answers for some of its services and kinds as its rows do.
func TestSummariesOfSelectedServices(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	s.SetLimits(Limits{Traces: 64 * mebibyte, QueryMemory: 1 << 30})
	rows := callSpans(rand.New(rand.NewPCG(3, 4)), 5000)
	require.Zero(t, refusedOf(s.AppendSpans(slices.Clone(rows))))
	settle(s)
	key := model.NewLabelKey(semconv.ServiceName)
	for _, services := range [][]string{{"service-1"}, {"service-0", "service-3", "none"}, {"none"}, nil} {
		for _, kinds := range [][]int32{nil, {kindServer}, {kindClient, kindConsumer}} {
			want, spans := map[operationKey]uint64{}, map[string]uint64{}
			for i := range rows {
				service := textOf(rows[i].Labels(), key)
				if !isAmong(services, service) {
					continue
				}
				spans[service]++
				if isAmong(kinds, rows[i].Kind) {
					want[operationKey{service, rows[i].Name, rows[i].Kind}]++
				}
			}
			filter := model.Filter{Services: services}
			list, err := s.ListOperations(t.Context(), model.OperationQuery{Filter: filter, Kinds: kinds, Paging: model.ListPaging{Limit: 1000}})
			require.NoError(t, err)
			got := map[operationKey]uint64{}
			for _, o := range list.Items {
				got[operationKey{o.Service, o.Name, o.Kind}] = o.RED.Requests
			}
			require.Equal(t, want, got, "%v %v", services, kinds)
			named, err := s.ListServices(t.Context(), model.ServiceQuery{Filter: filter, Paging: model.ListPaging{Limit: 1000}})
			require.NoError(t, err)
			require.Len(t, named.Items, len(spans))
			for _, service := range named.Items {
				require.Equal(t, spans[service.Name], service.Spans, service.Name)
			}
		}
	}
}
