// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// GetCorrelations implements tapiov1.TapioServiceServer.
func (s *tapioService) GetCorrelations(
	ctx context.Context, req *tapiov1.GetCorrelationsRequest,
) (*tapiov1.GetCorrelationsResponse, error) {
	query, err := protoconv.GetCorrelationsQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	page, err := s.findings.latest(ctx, &query)
	if err != nil {
		return nil, err
	}
	return &tapiov1.GetCorrelationsResponse{
		Correlations: messages(page.Rows, protoconv.Correlation), NextPageToken: protoconv.PageToken(req, page.Next),
	}, nil
}

// GetSemanticGroups implements tapiov1.TapioServiceServer.
func (s *tapioService) GetSemanticGroups(
	ctx context.Context, req *tapiov1.GetSemanticGroupsRequest,
) (*tapiov1.GetSemanticGroupsResponse, error) {
	query, err := protoconv.GetSemanticGroupsQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	page, err := s.findings.latest(ctx, &query)
	if err != nil {
		return nil, err
	}
	return &tapiov1.GetSemanticGroupsResponse{
		Groups: messages(page.Rows, protoconv.SemanticGroup), NextPageToken: protoconv.PageToken(req, page.Next),
	}, nil
}

// GetInsights implements tapiov1.TapioServiceServer.
func (s *tapioService) GetInsights(
	ctx context.Context, req *tapiov1.GetInsightsRequest,
) (*tapiov1.GetInsightsResponse, error) {
	query, err := protoconv.GetInsightsQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	page, err := s.findings.latest(ctx, &query)
	if err != nil {
		return nil, err
	}
	return &tapiov1.GetInsightsResponse{
		Insights: messages(page.Rows, protoconv.Insight), NextPageToken: protoconv.PageToken(req, page.Next),
	}, nil
}

// messages makes the messages of the findings that are of one kind.
func messages[Word, Message any](findings []model.Finding, message func(*Word) *Message) []*Message {
	var list []*Message
	for _, finding := range findings {
		if word, ok := any(finding).(*Word); ok {
			list = append(list, message(word))
		}
	}
	return list
}

// among reads the findings that some of the records carry.
func (f *findings) among(records []model.Event) []model.Finding {
	var list []model.Finding
	for i := range records {
		if finding := otlp.FindingFromEvent(&records[i]); finding != nil {
			f.addRunbook(finding)
			list = append(list, finding)
		}
	}
	return list
}

// addRunbook adds the page that the configuration names for an incident to what there
// is to do.
func (f *findings) addRunbook(finding model.Finding) {
	if f.notifier == nil {
		return
	}
	switch one := finding.(type) {
	case *model.SemanticGroup:
		one.Actions = append(one.Actions, runbookAction(f.notifier.Runbook(one))...)
	case *model.Insight:
		one.Actions = append(one.Actions, runbookAction(f.notifier.RunbookOf(one.GroupID))...)
	}
}

func runbookAction(url string) []model.RecommendedAction {
	if url == "" {
		return nil
	}
	return []model.RecommendedAction{{
		Title: "Open the runbook: " + url, Description: "It is configured for this cause.", Urgency: model.UrgencyHigh, ReadOnly: true,
	}}
}

// sendFindings sends the findings in records just delivered, each as a message of its
// own: a client that follows an incident need not know how a record carries it.
func (s *eventSession) sendFindings(records []model.Event) error {
	for _, finding := range s.service.findings.among(records) {
		if err := s.send(findingMessage(finding)); err != nil {
			return err
		}
	}
	return nil
}

func findingMessage(finding model.Finding) *tapiov1.StreamEventsResponse {
	switch f := finding.(type) {
	case *model.Correlation:
		return &tapiov1.StreamEventsResponse{
			Message: &tapiov1.StreamEventsResponse_Correlation{Correlation: protoconv.Correlation(f)},
		}
	case *model.SemanticGroup:
		return &tapiov1.StreamEventsResponse{Message: &tapiov1.StreamEventsResponse_Group{Group: protoconv.SemanticGroup(f)}}
	case *model.Insight:
		return &tapiov1.StreamEventsResponse{Message: &tapiov1.StreamEventsResponse_Insight{Insight: protoconv.Insight(f)}}
	default:
		return &tapiov1.StreamEventsResponse{}
	}
}

// maxKnown is the most incidents that an answer takes over.
const maxKnown = 100

// known are the incidents that the engine reported by itself of the stretch asked for: it
// saw more of them than the stretch holds.
func (f *findings) known(ctx context.Context, analysis *protoconv.Analysis) ([]*model.SemanticGroup, error) {
	if narrowed(&analysis.Filter) {
		return nil, nil
	}
	page, err := f.latest(ctx, &model.FindingQuery{
		EventName:  model.SemanticGroupEvent,
		GroupKinds: []model.GroupKind{model.GroupIncident},
		Filter:     model.Filter{Time: analysis.Filter.Time, Services: analysis.Filter.Services, Namespaces: analysis.Filter.Namespaces},
		Paging:     model.Paging{Limit: maxKnown},
	})
	if err != nil {
		return nil, err
	}
	var list []*model.SemanticGroup
	for _, finding := range page.Rows {
		if g, ok := finding.(*model.SemanticGroup); ok && g.State != model.GroupMerged && len(g.RootCause.Factors) > 0 {
			list = append(list, g)
		}
	}
	return list, nil
}

// narrowed reports whether a filter selects records by more than time and service, which says
// nothing of incidents.
func narrowed(f *model.Filter) bool {
	return f.Invert || f.Text != "" || f.MinSeverity != 0 || len(f.Selectors)+len(f.Severities)+len(f.EventNames) > 0
}

// sameCause reports whether two groups name the same cause first.
func sameCause(a, b *model.SemanticGroup) bool {
	return len(a.RootCause.Factors) > 0 && len(b.RootCause.Factors) > 0 && a.RootCause.Factors[0].Entity.Name == b.RootCause.Factors[0].Entity.Name
}

func each[Word, Message any](words []Word, message func(Word) Message) []Message {
	list := make([]Message, len(words))
	for i := range words {
		list[i] = message(words[i])
	}
	return list
}
