// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/types/known/timestamppb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
)

// One incident with all there is to it: payment uses up its CPU, so that its
// database takes no connections, and all say so.
func TestAnIncidentIsReportedInFull(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := running.Start(ctx, filepath.Join("..", "..", "bin", "tapio"), config)
	require.NoError(t, err)
	defer c.Stop()
	api := tapiov1.NewTapioServiceClient(c.API)
	s, at := newShop(), time.Now().Add(-healthy-3*time.Minute).Truncate(time.Second)
	s.node = "node-1"
	live := func(d time.Duration, cpu float64) {
		for range d / (10 * time.Second) {
			reportCPU(ctx, t, c, "payment", at, cpu)
			reportCPU(ctx, t, c, "orders", at, cpu/2)
			s.run(ctx, t, c, at, 10*time.Second)
			at = at.Add(10 * time.Second)
		}
	}
	live(healthy, 0.2)
	broke := at
	s.paymentFails = true
	s.paymentFault = func(span ptrace.Span, lines plog.LogRecordSlice) { lineOf(span, lines, "pool of orders-db exhausted") }
	live(broken, 0.98)
	letTimePass(ctx, t, c, at.Add(30*time.Second))

	groups, insights := reported(ctx, t, api)
	require.Len(t, groups, 1)
	g := groups[0]
	require.Equal(t, "payment", causeOf(g))
	require.Empty(t, g.GetPredictions(), "nothing rises along a line")
	requireAllKinds(ctx, t, api, g)
	requireAudiences(t, g, insights)
	requireAnalyzed(ctx, t, api, g, broke, at)
}

// requireAllKinds checks that signs are joined in each of the six ways, each with
// evidence, an explanation and how sure it is.
func requireAllKinds(ctx context.Context, t *testing.T, api tapiov1.TapioServiceClient, g *tapiov1.SemanticGroup) {
	t.Helper()
	answer, err := api.GetCorrelations(ctx, &tapiov1.GetCorrelationsRequest{})
	require.NoError(t, err)
	kinds := map[tapiov1.Correlation_Type]string{}
	for _, c := range answer.GetCorrelations() {
		if !slices.Contains(g.GetCorrelationIds(), c.GetId()) {
			continue // of an earlier revision
		}
		kinds[c.GetType()] = c.GetExplanation()
		require.NotEmpty(t, c.GetExplanation())
		require.NotEmpty(t, c.GetMembers(), c.GetExplanation())
		require.Equal(t, g.GetId(), c.GetGroupId())
		require.Positive(t, c.GetScore(), c.GetExplanation())
		require.LessOrEqual(t, c.GetScore(), 1.0)
		require.Positive(t, c.GetConfidence(), c.GetExplanation())
	}
	for number, name := range tapiov1.Correlation_Type_name {
		if number != 0 {
			require.Contains(t, kinds, tapiov1.Correlation_Type(number), "%s is not among %v", name, kinds)
		}
	}
}

// requireAudiences checks that each audience has a text of its own, with advice and
// figures.
func requireAudiences(t *testing.T, g *tapiov1.SemanticGroup, insights []*tapiov1.Insight) {
	t.Helper()
	texts := map[tapiov1.Insight_Audience]string{}
	for _, i := range insights {
		texts[i.GetAudience()] = i.GetText()
		require.Equal(t, g.GetId(), i.GetGroupId())
		require.Contains(t, i.GetTitle()+i.GetText(), "payment")
		require.Contains(t, i.GetKeyFigures(), "since")
		require.Contains(t, i.GetKeyFigures(), "affected requests")
		require.NotEmpty(t, i.GetEvidence())
		require.GreaterOrEqual(t, len(i.GetActions()), 2)
		require.True(t, i.GetActions()[0].GetReadOnly(), "one looks first")
		require.NotEmpty(t, i.GetActions()[0].GetCommands())
	}
	require.Len(t, texts, 3)
	require.NotEqual(t, texts[tapiov1.Insight_AUDIENCE_SRE], texts[tapiov1.Insight_AUDIENCE_MANAGER])
	require.NotEqual(t, texts[tapiov1.Insight_AUDIENCE_SRE], texts[tapiov1.Insight_AUDIENCE_DEVELOPER])
}

// requireAnalyzed asks about the time of the fault, and about one record of it.
func requireAnalyzed(ctx context.Context, t *testing.T, api tapiov1.TapioServiceClient, g *tapiov1.SemanticGroup, from, to time.Time) {
	t.Helper()
	requests := map[string]*tapiov1.AnalyzeEventsRequest{
		"time": {Filter: &tapiov1.Filter{TimeRange: &tapiov1.TimeRange{Start: timestamppb.New(from), End: timestamppb.New(to)}}},
	}
	for _, m := range g.GetMembers() {
		if m.GetKind() == tapiov1.EvidenceRef_KIND_EVENT {
			requests["ids"] = &tapiov1.AnalyzeEventsRequest{EventIds: []string{m.GetId()}}
		}
	}
	require.Len(t, requests, 2, "some evidence is a record with an id")
	for by, request := range requests {
		request.Audience = tapiov1.Insight_AUDIENCE_SRE
		answer, err := api.AnalyzeEvents(ctx, request)
		require.NoError(t, err, by)
		require.NotEmpty(t, answer.GetGroups(), by)
		require.Equal(t, "payment", causeOf(answer.GetGroups()[0]), by)
		require.NotEmpty(t, answer.GetCorrelations(), by)
		require.NotZero(t, answer.GetAnalyzedCount(), by)
		for _, i := range answer.GetInsights() {
			require.Equal(t, tapiov1.Insight_AUDIENCE_SRE, i.GetAudience(), by)
		}
		require.NotEmpty(t, answer.GetInsights(), by)
	}
}

// The type of an incident follows from what shows.
func TestTheTypeOfAnIncident(t *testing.T) {
	says := func(text string) func(*shop) {
		return func(s *shop) {
			s.paymentFails = true
			s.paymentFault = func(span ptrace.Span, lines plog.LogRecordSlice) { lineOf(span, lines, text) }
		}
	}
	for name, c := range map[string]struct {
		fault func(*shop)
		cause string
		kind  tapiov1.SemanticGroup_Type
		says  string
	}{
		"deployment":      {func(s *shop) { s.release = "2.0.0" }, "orders", tapiov1.SemanticGroup_TYPE_DEPLOYMENT, "orders 2.0.0 has been failing since its rollout at"},
		"failure cascade": {says("no rate for EUR"), "payment", tapiov1.SemanticGroup_TYPE_FAILURE_CASCADE, "no rate for EUR"},
		"security":        {says("authentication failed: invalid token of web"), "payment", tapiov1.SemanticGroup_TYPE_SECURITY, "invalid token"},
		"network":         {func(s *shop) { s.paymentAway = 300 * time.Millisecond }, "payment", tapiov1.SemanticGroup_TYPE_NETWORK, "network between orders and payment has been slow since"},
		"dependency":      {func(s *shop) { s.paymentTakes = 800 * time.Millisecond }, "payment", tapiov1.SemanticGroup_TYPE_DEPENDENCY, "payment has been slow since"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			groups, _ := play(t, c.fault)
			require.Len(t, groups, 1)
			require.Equal(t, c.cause, causeOf(groups[0]))
			require.Equal(t, c.kind, groups[0].GetType(), groups[0].GetTitle())
			require.Contains(t, groups[0].GetTitle(), c.says)
			require.False(t, strings.HasSuffix(groups[0].GetTitle(), "…"), "a title says all: %s", groups[0].GetTitle())
			require.Equal(t, tapiov1.SemanticGroup_KIND_INCIDENT, groups[0].GetKind(), "requests fail or are slow")
		})
	}
}
