// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// putCalls stores calls of a shop to its payment service, one a second, which
// fail from the given second on.
func (s *tapioService) putCalls(begin time.Time, seconds, failFrom int) {
	caller := &model.Resource{Attributes: model.Attributes{{Key: "service.name", Value: model.StringValue("shop")}}}
	callee := &model.Resource{Attributes: model.Attributes{{Key: "service.name", Value: model.StringValue("payment")}}}
	for second := range seconds {
		for n := range 20 {
			at := model.Nanos(begin.Add(time.Duration(second)*time.Second + time.Duration(n)*time.Millisecond).UnixNano())
			trace := model.TraceID{1, byte(second >> 8), byte(second), byte(n)}
			root := model.Span{
				TraceID: trace, SpanID: model.SpanID{1}, Name: "POST /order", Kind: 2, Start: at, End: at + 20e6,
				Resource: caller, Scope: &model.Scope{},
			}
			client := root
			client.SpanID, client.ParentID, client.Name, client.Kind = model.SpanID{2}, model.SpanID{1}, "POST /pay", 3
			server := client
			server.SpanID, server.ParentID, server.Kind, server.Resource = model.SpanID{3}, model.SpanID{2}, 2, callee
			if second >= failFrom {
				root.StatusCode, client.StatusCode, server.StatusCode = 2, 2, 2
			}
			s.held().AppendSpans([]model.Span{root, client, server})
		}
	}
}

func TestAnalysisNamesTheServiceThatFails(t *testing.T) {
	s := testService(t)
	begin := time.Unix(1_700_000_000, 0)
	s.putCalls(begin, 400, 300)
	response, err := s.AnalyzeEvents(t.Context(), &tapiov1.AnalyzeEventsRequest{
		Filter: ranged(begin.Unix()+290, begin.Unix()+400),
	})
	require.NoError(t, err)
	require.EqualValues(t, 400*60, response.GetAnalyzedCount())
	require.NotEmpty(t, response.GetGroups())
	require.Equal(t, "payment", response.GetGroups()[0].GetRootCause().GetCausalFactors()[0].GetEntity().GetName())
	require.NotEmpty(t, response.GetInsights())

	quiet, err := s.AnalyzeEvents(t.Context(), &tapiov1.AnalyzeEventsRequest{
		Filter: ranged(begin.Unix()+100, begin.Unix()+250),
	})
	require.NoError(t, err)
	require.Empty(t, quiet.GetGroups())
	require.Zero(t, s.info.Figures.Stats()[0].Rows, "an analysis stores nothing")
}

func TestAnalysisHonoursItsBounds(t *testing.T) {
	s := testService(t)
	s.putCalls(time.Unix(1_700_000_000, 0), 5, 9)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.AnalyzeEvents(ended, &tapiov1.AnalyzeEventsRequest{Filter: ranged(1_700_000_000, 1_700_000_010)})
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.AnalyzeEvents(t.Context(), &tapiov1.AnalyzeEventsRequest{EventIds: []string{"gone"}})
	require.Equal(t, codes.NotFound, status.Code(err))

	for range maxAnalyses {
		s.analyzer.turns <- struct{}{}
	}
	waiting, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = s.AnalyzeEvents(waiting, &tapiov1.AnalyzeEventsRequest{Filter: ranged(1_700_000_000, 1_700_000_010)})
	require.ErrorIs(t, err, context.DeadlineExceeded, "a third one waits for its turn")
}

func TestAnalysisOfNamedRecordsLooksAround(t *testing.T) {
	s := testService(t)
	begin := model.Nanos(1_700_000_000e9)
	for i := range model.Nanos(10) {
		s.held().AppendEvents([]model.Event{{
			Time: begin + i*60e9, Body: model.StringValue(fmt.Sprint("line ", i)), Resource: &model.Resource{}, Scope: &model.Scope{},
			Attributes: model.Attributes{{Key: "log.record.uid", Value: model.StringValue(fmt.Sprint("e", i))}},
		}})
	}
	response, err := s.AnalyzeEvents(t.Context(), &tapiov1.AnalyzeEventsRequest{EventIds: []string{"e5"}})
	require.NoError(t, err)
	require.EqualValues(t, 7, response.GetAnalyzedCount(), "all before within an hour, and the next minute's")
}

func TestAnalysisLooksBackAsFarAsThereIsRoomFor(t *testing.T) {
	s := testService(t)
	asked := time.Unix(1_700_000_000, 0)
	for _, before := range []time.Duration{2 * time.Hour, 50 * time.Minute, 9 * time.Minute, time.Minute} {
		s.putCalls(asked.Add(-before), 10, 10) // 600 records
	}
	s.putCalls(asked, 10, 10)
	analysis := &protoconv.Analysis{Filter: model.Filter{Time: model.TimeRange{
		Start: model.Nanos(asked.UnixNano()), End: model.Nanos(asked.Add(time.Minute).UnixNano()),
	}}}
	for room, looked := range map[uint64]int{2000: 4 * 600, 1500: 3 * 600, 1000: 2 * 600, 100: 600} {
		run, err := s.analyzer.analyze(t.Context(), analysis, room)
		require.NoError(t, err)
		require.EqualValues(t, looked, run.looked, "room for %d", room)
	}
}

func TestAnAnswerLeavesOutWhatTurnedOutToBeAPart(t *testing.T) {
	when := model.TimeRange{Start: 1000, End: 2000}
	group := func(id string, state model.GroupState) *model.SemanticGroup {
		return &model.SemanticGroup{FindingIdentity: model.FindingIdentity{ID: id}, State: state, Range: when}
	}
	run := &analysisRun{asked: when, found: map[string]model.Finding{}}
	run.note([]model.Finding{
		group("a", model.GroupOpen), group("b", model.GroupOpen),
		&model.Insight{FindingIdentity: model.FindingIdentity{ID: "ia", Time: 1500}, GroupID: "a"},
		&model.Insight{FindingIdentity: model.FindingIdentity{ID: "ib", Time: 1500}, GroupID: "b"},
		group("a", model.GroupMerged),
	})
	answer := run.answer(&protoconv.Analysis{}, nil)
	require.Len(t, answer.GetGroups(), 1)
	require.Equal(t, "b", answer.GetGroups()[0].GetId())
	require.Len(t, answer.GetInsights(), 1)
	require.Equal(t, "b", answer.GetInsights()[0].GetGroupId())
}

func TestAnalysisAnswersWithTheIncidentsThatAreKnown(t *testing.T) {
	s := testService(t)
	begin := time.Unix(1_700_000_000, 0)
	s.putCalls(begin, 400, 300)
	cause := func(service string) model.RootCause {
		return model.RootCause{Factors: []model.CausalFactor{{Entity: model.Entity{Kind: model.EntityService, Name: service}}}}
	}
	at := model.Nanos(begin.Add(400 * time.Second).UnixNano())
	stored := func(id string, kind model.GroupKind, service string) *model.SemanticGroup {
		g := group(id, 1, at, service)
		g.Range.Start, g.Kind, g.RootCause = at-model.Nanos(time.Minute), kind, cause(service)
		return g
	}
	s.put(stored("same", model.GroupIncident, "payment"), stored("other", model.GroupIncident, "disk"), stored("noted", model.GroupObservation, "cron"))
	response, err := s.AnalyzeEvents(t.Context(), &tapiov1.AnalyzeEventsRequest{Filter: ranged(begin.Unix()+290, begin.Unix()+400)})
	require.NoError(t, err)
	var ids []string
	for _, g := range response.GetGroups() {
		ids = append(ids, g.GetId())
	}
	require.Contains(t, ids, "same")
	require.Contains(t, ids, "other")
	require.NotContains(t, ids, "noted")
	for _, g := range response.GetGroups() {
		first := g.GetRootCause().GetCausalFactors()[0].GetEntity().GetName()
		require.False(t, first == "payment" && g.GetId() != "same", "one cause is answered once")
	}
}
