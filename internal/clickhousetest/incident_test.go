// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhousetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	collector "github.com/tapio/tapio/test/running"
)

// withEngine is twoTiers with the engine, which adds its findings to what is exported.
var withEngine = strings.NewReplacer(
	"exporters:\n", "processors: {semantic_correlation: }\nexporters:\n",
	"exporters: [tapio, clickhouse]}", "processors: [semantic_correlation], exporters: [tapio, clickhouse]}",
).Replace(twoTiers)

// An incident that the engine found a month ago opens after a restart with an empty memory, with
// its cause, its impact and the records that show it.
func TestAnIncidentOfLastMonthOpens(t *testing.T) {
	d := newDatabase(t, false)
	binary := filepath.Join("..", "..", "bin", "tapio-full")
	if _, err := os.Stat(binary); err != nil {
		t.Skip("bin/tapio-full is not built: run make build-full")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	start := func() *collector.Collector {
		c, err := collector.Start(ctx, binary, fmt.Sprintf(withEngine, d.engine.native, d.engine.http, d.name))
		require.NoError(t, err)
		return c
	}
	begin := time.Now().AddDate(0, -1, 0).Truncate(time.Minute)
	first := start()
	const fails, minutes = 12, 15
	for minute := range minutes {
		sendMinute(ctx, t, first, begin.Add(time.Duration(minute)*time.Minute), minute >= fails)
	}
	q := &tapiov1.GetSemanticGroupsRequest{
		Filter: &tapiov1.Filter{TimeRange: &tapiov1.TimeRange{Start: timestamppb.New(begin), End: timestamppb.New(begin.Add(time.Hour))}},
		Kinds:  []tapiov1.SemanticGroup_Kind{tapiov1.SemanticGroup_KIND_INCIDENT},
	}
	incidents := func(c *collector.Collector) []*tapiov1.SemanticGroup {
		answer, err := tapiov1.NewTapioServiceClient(c.API).GetSemanticGroups(ctx, q)
		require.NoError(t, err)
		return answer.GetGroups()
	}
	var found []*tapiov1.SemanticGroup
	require.Eventually(t, func() bool { found = incidents(first); return len(found) > 0 }, 30*time.Second, 200*time.Millisecond, "an incident is reported")
	first.Stop() // which ends with the last revision of what is open
	require.Equal(t, "orders", found[0].GetRootCause().GetCausalFactors()[0].GetEntity().GetName())

	second := start()
	defer second.Stop()
	list := incidents(second)
	require.Len(t, list, len(found))
	q.GroupIds = []string{found[0].GetId()} // as the page of the incident asks
	opened := incidents(second)
	require.Len(t, opened, 1)
	require.Equal(t, found[0].GetId(), opened[0].GetId())
	require.Contains(t, opened[0].GetTitle(), "orders")
	require.True(t, proto.Equal(found[0].GetRootCause().GetCausalFactors()[0].GetEntity(), opened[0].GetRootCause().GetCausalFactors()[0].GetEntity()))
	require.NotEmpty(t, opened[0].GetImpact().GetSummary())
	require.NotEmpty(t, opened[0].GetRootCause().GetCausalFactors()[0].GetEvidence())

	// A trace that proves it opens too.
	traces, err := tapiov1.NewObservabilityServiceClient(second.API).GetTraces(ctx, &tapiov1.GetTracesRequest{
		Query: &tapiov1.TraceQuery{Filter: &tapiov1.Filter{TimeRange: q.GetFilter().GetTimeRange(), Services: []string{"orders"}, Limit: 5}},
	})
	require.NoError(t, err)
	require.NotEmpty(t, traces.GetTraces())
	require.Contains(t, traces.GetSources(), "clickhouse")
}

// sendMinute sends five requests a second to shop, which calls orders.
func sendMinute(ctx context.Context, t *testing.T, c *collector.Collector, from time.Time, fails bool) {
	t.Helper()
	traces := ptrace.NewTraces()
	spans := map[string]ptrace.SpanSlice{}
	for _, service := range []string{"shop", "orders"} {
		of := traces.ResourceSpans().AppendEmpty()
		of.Resource().Attributes().PutStr("service.name", service)
		spans[service] = of.ScopeSpans().AppendEmpty().Spans()
	}
	for i := range 300 {
		at := from.Add(time.Duration(i) * 200 * time.Millisecond)
		id := pcommon.TraceID{1, byte(i), byte(i >> 8), byte(from.Minute() + 1), byte(from.Hour())}
		for depth, hop := range []struct {
			service string
			kind    ptrace.SpanKind
		}{{"shop", ptrace.SpanKindServer}, {"shop", ptrace.SpanKindClient}, {"orders", ptrace.SpanKindServer}} {
			s := spans[hop.service].AppendEmpty()
			s.SetTraceID(id)
			s.SetSpanID(pcommon.SpanID{byte(depth + 1), byte(i), byte(i >> 8), byte(from.Minute() + 1)})
			if depth > 0 {
				s.SetParentSpanID(pcommon.SpanID{byte(depth), byte(i), byte(i >> 8), byte(from.Minute() + 1)})
			}
			s.SetName([]string{"POST /checkout", "POST", "POST /orders"}[depth])
			s.SetKind(hop.kind)
			s.SetStartTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Duration(depth) * time.Millisecond)))
			s.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Duration(30-depth+i%7) * time.Millisecond)))
			if fails && i%2 == 0 {
				s.Status().SetCode(ptrace.StatusCodeError)
				s.Attributes().PutInt("http.response.status_code", 500)
			}
		}
	}
	_, err := ptraceotlp.NewGRPCClient(c.OTLP).Export(ctx, ptraceotlp.NewExportRequestFromTraces(traces))
	require.NoError(t, err)
}
