// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func sampleService(name string) *tapiov1.Entity {
	return &tapiov1.Entity{Kind: tapiov1.Entity_KIND_SERVICE, Name: name}
}

// sampleGroup is a database that was killed and the two services that it hits.
func sampleGroup() *tapiov1.SemanticGroup {
	at := func(second int) *timestamppb.Timestamp {
		return timestamppb.New(testNow().Add(time.Duration(second) * time.Second))
	}
	database := &tapiov1.Entity{Kind: tapiov1.Entity_KIND_PROCESS, Name: "postgres"}
	killed := []*tapiov1.EvidenceRef{
		{Kind: tapiov1.EvidenceRef_KIND_EVENT, Id: "e-1", Time: at(-60), Description: "the kernel killed postgres for its memory"},
	}
	return &tapiov1.SemanticGroup{
		Id: "g-1", Type: tapiov1.SemanticGroup_TYPE_RESOURCE_EXHAUSTION, State: tapiov1.SemanticGroup_STATE_GROWING,
		Title:     "checkout fails since postgres ran out of memory",
		TimeRange: &tapiov1.TimeRange{Start: at(-60), End: at(-5)},
		Services:  []string{"orders", "checkout"},
		RootCause: &tapiov1.RootCauseAnalysis{
			CausalFactors: []*tapiov1.CausalFactor{
				{Rank: 1, Entity: database, Probability: 0.92, Reason: "killed before all else", Evidence: killed, Within: []*tapiov1.Entity{{Kind: tapiov1.Entity_KIND_NODE, Name: "n-1"}}},
				{Rank: 2, Entity: sampleService("orders"), Probability: 0.05, Reason: "was the first to fail"},
			},
			CausalChain: []*tapiov1.CausalLink{
				{Cause: database, Effect: sampleService("orders"), Onset: at(-55), Mechanism: "connections are refused", Evidence: killed},
				{Cause: sampleService("orders"), Effect: sampleService("checkout"), Onset: at(-50), Mechanism: "POST /order fails"},
				{Cause: sampleService("orders"), Effect: sampleService("mail"), Onset: at(-40), Mechanism: "waits for orders"},
			},
		},
		Impact: &tapiov1.ImpactAssessment{
			Level: tapiov1.ImpactAssessment_LEVEL_HIGH, AffectedRequestRatio: 0.4, ErrorRatio: 0.35, Summary: "four orders in ten fail",
		},
		Actions: []*tapiov1.RecommendedAction{
			{Title: "See why it was killed", Commands: []string{"dmesg | grep -i oom"}, ReadOnly: true},
			{Title: "Start it again", Description: "it does not by itself", Commands: []string{"systemctl restart postgres"}},
		},
	}
}

func sampleInsights(*tapiov1.GetInsightsRequest) (*tapiov1.GetInsightsResponse, error) {
	return &tapiov1.GetInsightsResponse{Insights: []*tapiov1.Insight{
		{Id: "i-2", GroupId: "g-1", Audience: tapiov1.Insight_AUDIENCE_MANAGER, Text: "Money is lost."},
		{
			Id: "i-1", GroupId: "g-1", Audience: tapiov1.Insight_AUDIENCE_SRE, Text: "The kernel killed postgres.",
			KeyFigures: map[string]string{"failed requests": "35 %", "duration": "55 s"},
		},
	}}, nil
}

func TestExplainDescribesAnIncident(t *testing.T) {
	fake := &fakeServer{insights: sampleInsights, groups: func(r *tapiov1.GetSemanticGroupsRequest) (*tapiov1.GetSemanticGroupsResponse, error) {
		if !slices.Contains(r.GetGroupIds(), "g-1") {
			return &tapiov1.GetSemanticGroupsResponse{}, nil
		}
		return &tapiov1.GetSemanticGroupsResponse{Groups: []*tapiov1.SemanticGroup{sampleGroup()}}, nil
	}}
	c := newCLI(t, fake)
	byGroup := c.run(t, "explain", "g-1")
	requireSuccess(t, byGroup)
	requireGolden(t, "explain.golden", byGroup.out)
	byInsight := c.run(t, "explain", "i-1")
	requireSuccess(t, byInsight)
	require.Equal(t, byGroup.out, byInsight.out)
}

func TestExplainOfNothingSaysSo(t *testing.T) {
	c := newCLI(t, &fakeServer{
		insights: func(*tapiov1.GetInsightsRequest) (*tapiov1.GetInsightsResponse, error) {
			return &tapiov1.GetInsightsResponse{}, nil
		},
		groups: func(*tapiov1.GetSemanticGroupsRequest) (*tapiov1.GetSemanticGroupsResponse, error) {
			return &tapiov1.GetSemanticGroupsResponse{}, nil
		},
	})
	r := c.run(t, "explain", "g-9")
	require.Equal(t, exitcode.Refused, r.code)
	require.Contains(t, r.errOut, "tapioctl get groups")
}

func TestGetGroupsAsksForWhatTheFlagsSay(t *testing.T) {
	var asked *tapiov1.GetSemanticGroupsRequest
	c := newCLI(t, &fakeServer{groups: func(r *tapiov1.GetSemanticGroupsRequest) (*tapiov1.GetSemanticGroupsResponse, error) {
		asked = r
		return &tapiov1.GetSemanticGroupsResponse{Groups: []*tapiov1.SemanticGroup{sampleGroup()}}, nil
	}})
	r := c.run(t, "get", "groups", "--state", "open,growing", "--type", "resource-exhaustion", "--service", "orders", "--min-confidence", "0.5")
	requireSuccess(t, r)
	requireGolden(t, "get_groups.golden", r.out)
	require.Equal(t, []tapiov1.SemanticGroup_State{1, 2}, asked.GetStates())
	require.Equal(t, []tapiov1.SemanticGroup_Type{3}, asked.GetTypes())
	require.Equal(t, []string{"orders"}, asked.GetFilter().GetServices())
	require.InDelta(t, 0.5, asked.GetMinConfidence(), 0)

	r = c.run(t, "get", "groups", "--state", "lost")
	require.Equal(t, exitcode.Usage, r.code)
	require.Contains(t, r.errOut, `--state "lost": use one of open, growing, closed, merged, recovering, resolved, unknown, reopened`)
}

func TestNoFindingsAreNamedAsTheyWereAskedFor(t *testing.T) {
	c := newCLI(t, &fakeServer{groups: func(*tapiov1.GetSemanticGroupsRequest) (*tapiov1.GetSemanticGroupsResponse, error) {
		return &tapiov1.GetSemanticGroupsResponse{}, nil
	}})
	for want, args := range map[string][]string{
		"tapioctl: no incidents found\n": {"incidents"},
		"tapioctl: no groups found\n":    {"groups", "--kind", "observation"},
	} {
		r := c.run(t, append([]string{"get"}, args...)...)
		require.Equal(t, exitcode.OK, r.code)
		require.Equal(t, want, r.errOut)
	}
}
