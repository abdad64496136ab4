// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/extension/tapioextension/internal/admission"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/store"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func testService(t *testing.T) *tapioService {
	t.Helper()
	held := store.New(store.Limits{Logs: 64 << 20, Traces: 8 << 20, Metrics: 8 << 20}, time.Now)
	return New(Options{
		Store: held.Reader(), Figures: held, Now: time.Now, Limits: admission.Limits{Streams: 1, InFlightBytes: 1 << 20, SlowReader: time.Minute},
	}).tapio()
}

// held is the store that the services answer from.
func (s *tapioService) held() *store.Store { return s.info.Figures.(*store.Store) }

// put stores findings, each in its own batch, as the exporter does.
func (s *tapioService) put(findings ...model.Finding) {
	for _, finding := range findings {
		s.held().AppendEvents([]model.Event{otlp.EventFromFinding(finding)})
	}
}

func group(id string, revision uint64, at model.Nanos, services ...string) *model.SemanticGroup {
	return &model.SemanticGroup{
		FindingIdentity: model.FindingIdentity{ID: id, Revision: revision, Time: at},
		Title:           fmt.Sprint(id, " revision ", revision),
		State:           model.GroupState(min(revision, 3)),
		Range:           model.TimeRange{Start: at - 50, End: at},
		Services:        services,
		Confidence:      0.5,
	}
}

func (s *tapioService) groups(t *testing.T, req *tapiov1.GetSemanticGroupsRequest) []string {
	t.Helper()
	response, err := s.GetSemanticGroups(t.Context(), req)
	require.NoError(t, err)
	var list []string
	for _, g := range response.GetGroups() {
		list = append(list, g.GetTitle())
	}
	return list
}

func TestOnlyTheLatestRevisionOfAFindingCounts(t *testing.T) {
	s := testService(t)
	s.put(group("a", 1, 1000, "pay"), group("b", 1, 1100, "cart"), group("a", 2, 1200, "pay", "cart"))
	all := &tapiov1.GetSemanticGroupsRequest{}
	require.Equal(t, []string{"a revision 2", "b revision 1"}, s.groups(t, all))
	open := &tapiov1.GetSemanticGroupsRequest{States: []tapiov1.SemanticGroup_State{tapiov1.SemanticGroup_STATE_OPEN}}
	require.Equal(t, []string{"b revision 1"}, s.groups(t, open), "an earlier revision of a was open")
}

func TestFindingsAreSelectedByWhatTheyTouch(t *testing.T) {
	s := testService(t)
	s.put(group("a", 1, 1_000_000_000_000, "pay", "cart"), group("b", 1, 2_000_000_000_000, "mail"))
	for name, test := range map[string]struct {
		filter *tapiov1.Filter
		want   []string
	}{
		"a service that is not the first": {&tapiov1.Filter{Services: []string{"cart"}}, []string{"a revision 1"}},
		"not that service":                {&tapiov1.Filter{Services: []string{"cart"}, Invert: true}, []string{"b revision 1"}},
		"text":                            {&tapiov1.Filter{Text: "B REV"}, []string{"b revision 1"}},
		"label": {&tapiov1.Filter{LabelSelectors: []*tapiov1.Filter_LabelSelector{
			{Key: "tapio.group.id", Values: []string{"a"}},
		}}, []string{"a revision 1"}},
		"the end of what it spans":  {ranged(1000, 1500), []string{"a revision 1"}},
		"before what it spans":      {ranged(1, 999), nil},
		"after what it spans":       {ranged(1001, 1999), nil},
		"a namespace of no entity":  {&tapiov1.Filter{Namespaces: []string{"shop"}}, nil},
		"the time of the other one": {ranged(1500, 2500), []string{"b revision 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, s.groups(t, &tapiov1.GetSemanticGroupsRequest{Filter: test.filter}))
		})
	}
}

func ranged(start, end int64) *tapiov1.Filter {
	return &tapiov1.Filter{TimeRange: &tapiov1.TimeRange{
		Start: timestamp(model.Nanos(start) * 1e9), End: timestamp(model.Nanos(end) * 1e9),
	}}
}

// Pages hold every finding once, in order, and nothing written meanwhile.
func TestPagesOfFindings(t *testing.T) {
	for _, ascending := range []bool{false, true} {
		s := testService(t)
		const groups = 2500 // more than one read of the store
		for i := range model.Nanos(groups) {
			s.put(group(fmt.Sprintf("g%04d", i), 1, 1000+i/3)) // times that are equal
		}
		s.put(group("g0100", 2, 9000))
		var got []string
		req := &tapiov1.GetSemanticGroupsRequest{Filter: &tapiov1.Filter{Limit: 300, Ascending: ascending}}
		for {
			response, err := s.GetSemanticGroups(t.Context(), req)
			require.NoError(t, err)
			for _, g := range response.GetGroups() {
				got = append(got, g.GetId())
			}
			s.put(group("g0200", uint64(len(got)), 9999), group(fmt.Sprint("late", len(got)), 1, 9999))
			if response.GetNextPageToken() == "" {
				break
			}
			require.Len(t, response.GetGroups(), 300)
			req.Filter.PageToken = response.GetNextPageToken()
		}
		require.Len(t, got, groups)
		var want []string
		for i := range groups {
			if i != 100 {
				want = append(want, fmt.Sprintf("g%04d", i))
			}
		}
		want = append(want, "g0100") // its latest revision is the newest of all
		if !ascending {
			for i, j := 0, len(want)-1; i < j; i, j = i+1, j-1 {
				want[i], want[j] = want[j], want[i]
			}
		}
		require.Equal(t, want, got)
	}
}

func TestCorrelationsOfARecordAndInsightsForAPerson(t *testing.T) {
	s := testService(t)
	correlation := func(id, member, group string) *model.Correlation {
		return &model.Correlation{
			FindingIdentity: model.FindingIdentity{ID: id, Revision: 1, Time: 10}, GroupID: group,
			Type: model.CorrelationCausal, Members: []model.EvidenceRef{{Kind: model.EvidenceEvent, ID: member}},
		}
	}
	s.put(correlation("c1", "e1", "g1"), correlation("c2", "e2", "g1"), correlation("c3", "e1", ""))
	joined, err := s.GetCorrelations(t.Context(), &tapiov1.GetCorrelationsRequest{EventId: "e1"})
	require.NoError(t, err)
	require.Len(t, joined.GetCorrelations(), 2)
	both, err := s.GetCorrelations(t.Context(), &tapiov1.GetCorrelationsRequest{EventId: "e1", GroupId: "g1"})
	require.NoError(t, err)
	require.Len(t, both.GetCorrelations(), 1)
	require.Equal(t, "c1", both.GetCorrelations()[0].GetId())

	for i, audience := range []model.InsightAudience{model.AudienceSRE, model.AudienceManager} {
		s.put(&model.Insight{
			FindingIdentity: model.FindingIdentity{ID: fmt.Sprint("i", i), Revision: 1, Time: 20}, GroupID: "g1",
			Audience: audience, Severity: model.Severity(4 + i), Confidence: 0.9,
		})
	}
	insights, err := s.GetInsights(t.Context(), &tapiov1.GetInsightsRequest{
		Audience: tapiov1.Insight_AUDIENCE_MANAGER, MinConfidence: 0.9, GroupId: "g1",
		Filter: &tapiov1.Filter{MinSeverity: tapiov1.Severity_SEVERITY_ERROR},
	})
	require.NoError(t, err)
	require.Len(t, insights.GetInsights(), 1)
	require.Equal(t, "i1", insights.GetInsights()[0].GetId())
}
