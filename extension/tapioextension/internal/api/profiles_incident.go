// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	// baselineDays is how many days back the same time is looked at for a baseline.
	baselineDays = 7
	// baselineSamples is how many observations a day must have to be one.
	baselineSamples = 100
	// minBaseline is the least time before an incident that it is compared with.
	minBaseline = 5 * time.Minute
)

// incidentFilter returns the filter with what an incident selects where the filter does
// not: the service that is its cause, and its time.
func (p *profileAnalyzer) incidentFilter(ctx context.Context, id string, filter *tapiov1.Filter) (*tapiov1.Filter, error) {
	page, err := p.findings.latest(ctx, &model.FindingQuery{
		EventName: model.SemanticGroupEvent, IDs: []string{id}, Paging: model.Paging{Limit: 1},
	})
	if err != nil {
		return nil, err
	}
	groups := messages(page.Rows, func(g *model.SemanticGroup) *model.SemanticGroup { return g })
	if len(groups) == 0 {
		return nil, status.Errorf(codes.NotFound, "no incident %q is stored: it was evicted or never stored", id)
	}
	filter = proto.CloneOf(filter)
	if filter == nil {
		filter = &tapiov1.Filter{}
	}
	if len(filter.GetServices()) == 0 {
		filter.Services = servicesAtFault(groups[0])
	}
	if filter.GetTimeRange() == nil {
		end := model.Nanos(p.now().UnixNano())
		if isOver(groups[0].State) {
			end = groups[0].Range.End
		}
		filter.TimeRange = rangeOf(groups[0].Range.Start, max(end, groups[0].Range.Start)+1)
	}
	return filter, nil
}

func rangeOf(start, end model.Nanos) *tapiov1.TimeRange {
	return &tapiov1.TimeRange{Start: timestamppb.New(time.Unix(0, int64(start))), End: timestamppb.New(time.Unix(0, int64(end)))}
}

func isOver(state model.GroupState) bool {
	return state == model.GroupClosed || state == model.GroupMerged || state == model.GroupResolved
}

// servicesAtFault returns the service of the most probable cause or, of a cause that is
// not a service, all that the incident affects.
func servicesAtFault(g *model.SemanticGroup) []string {
	if len(g.RootCause.Factors) > 0 {
		if service := g.RootCause.Factors[0].Entity.Service(); service != "" {
			return []string{service}
		}
	}
	return g.Services
}

// incidentBaseline chooses what an incident is compared with: the same time of the latest
// day of which enough is stored, or the time before the incident.
func (p *profileAnalyzer) incidentBaseline(ctx context.Context, query model.ProfileQuery) (model.ProfileQuery, error) {
	during := query.Filter.Time
	for day := 1; day <= baselineDays; day++ {
		back := model.Nanos(day) * model.Nanos(24*time.Hour)
		if back >= during.Start {
			break
		}
		query.Filter.Time = model.TimeRange{Start: during.Start - back, End: during.End - back}
		tree, err := p.store.MergeProfiles(ctx, query)
		if err != nil || tree.Samples >= baselineSamples {
			return query, err
		}
	}
	length := max(during.End-during.Start, model.Nanos(minBaseline))
	query.Filter.Time = model.TimeRange{Start: max(during.Start-min(during.Start, length), 1), End: during.Start}
	return query, nil
}

// analysisOf reads a request, with what its incident selects.
func (p *profileAnalyzer) analysisOf(ctx context.Context, req *tapiov1.AnalyzeProfileRequest) (analysis protoconv.ProfileAnalysis, of incidentPart, err error) {
	if req.GetIncidentId() == "" {
		analysis, err = protoconv.AnalyzeProfileQuery(req, p.now())
		return analysis, of, err
	}
	if of.filter, err = p.incidentFilter(ctx, req.GetIncidentId(), req.GetFilter()); err != nil {
		return analysis, of, err
	}
	req = proto.CloneOf(req)
	req.Filter = of.filter
	order := req.GetOrder()
	chooses := order == tapiov1.ProfileOrder_PROFILE_ORDER_CHANGE && req.GetBaseline() == nil &&
		req.GetBaselineFilter() == nil && req.GetSplitByDuration() == nil
	if chooses {
		req.Order = tapiov1.ProfileOrder_PROFILE_ORDER_UNSPECIFIED
	}
	if analysis, err = protoconv.AnalyzeProfileQuery(req, p.now()); err != nil || !chooses {
		return analysis, of, err
	}
	analysis.Order = order
	baseline, err := p.incidentBaseline(ctx, analysis.Query)
	if err != nil {
		return analysis, of, err
	}
	analysis.Baseline, of.baseline = &baseline, rangeOf(baseline.Filter.Time.Start, baseline.Filter.Time.End)
	return analysis, of, nil
}

// incidentPart is what an incident selected; nil without one.
type incidentPart struct {
	filter   *tapiov1.Filter
	baseline *tapiov1.TimeRange // only if it was chosen
}
