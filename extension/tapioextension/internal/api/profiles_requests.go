// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/extension/tapioextension/internal/stream"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// maxSplitTraces is the most traces whose durations are compared.
const maxSplitTraces = 1000

// split changes the analysis to compare slow requests with fast ones, if it is to.
func (p *profileAnalyzer) split(ctx context.Context, analysis *protoconv.ProfileAnalysis) (*tapiov1.ProfileDurationSplitResult, error) {
	if analysis.Split == nil {
		return nil, nil
	}
	groups, err := p.store.GroupProfiles(ctx, model.ProfileGroupQuery{ProfileQuery: analysis.Query})
	if err != nil {
		return nil, err
	}
	ids := make([]model.TraceID, len(groups.Groups))
	for i := range groups.Groups {
		ids[i] = groups.Groups[i].TraceID
	}
	// Trace ids are random, so that the first ones are a random sample of all.
	slices.SortFunc(ids, func(a, b model.TraceID) int { return bytes.Compare(a[:], b[:]) })
	extents, err := p.extents(ctx, ids[:min(len(ids), maxSplitTraces)])
	if err != nil {
		return nil, err
	}
	if len(extents) == 0 {
		return nil, model.InvalidField("split_by_duration", "no selected sample is linked to a stored trace: "+
			"%d of the selected traces are in the profiles, none of them is stored with spans", len(ids))
	}
	threshold := slowFrom(extents, analysis.Split)
	var slow, fast []model.TraceID
	for id, extent := range extents {
		if extent.Duration() >= threshold {
			slow = append(slow, id)
		} else {
			fast = append(fast, id)
		}
	}
	if len(slow) == 0 || len(fast) == 0 {
		return nil, model.InvalidField("split_by_duration", "does not divide the %d selected requests: %d of them take %v or longer: "+
			"give another slower_than or percentile, or select more requests", len(extents), len(slow), threshold)
	}
	baseline := analysis.Query
	analysis.Query.TraceIDs, baseline.TraceIDs = slow, fast
	analysis.Baseline = &baseline
	return &tapiov1.ProfileDurationSplitResult{
		Threshold: durationpb.New(threshold), SlowCount: uint32(len(slow)), FastCount: uint32(len(fast)),
	}, nil
}

// slowFrom is the duration from which on a request is slow.
func slowFrom(extents map[model.TraceID]model.TraceExtent, split *protoconv.DurationSplit) time.Duration {
	if split.SlowerThan > 0 {
		return split.SlowerThan
	}
	durations := make([]time.Duration, 0, len(extents))
	for _, extent := range extents {
		durations = append(durations, extent.Duration())
	}
	slices.Sort(durations)
	rank := int(math.Ceil(split.Percentile/100*float64(len(durations)))) - 1
	return durations[max(rank, 0)]
}

// extents returns when traces began and ended, of those of which a span is stored.
func (p *profileAnalyzer) extents(ctx context.Context, ids []model.TraceID) (map[model.TraceID]model.TraceExtent, error) {
	extents := make(map[model.TraceID]model.TraceExtent, len(ids))
	if len(ids) == 0 {
		return extents, nil
	}
	query := model.TraceQuery{TraceIDs: ids, Paging: model.Paging{Limit: len(ids), MaxBytes: stream.MessageBytes}}
	for {
		page, err := p.store.QueryTraces(ctx, query)
		if err != nil {
			return nil, err
		}
		for i := range page.Rows {
			if trace := &page.Rows[i]; len(trace.Spans) > 0 {
				extents[trace.ID] = trace.Extent()
			}
		}
		if page.Next.IsZero() {
			return extents, nil
		}
		query.Paging.After = page.Next
	}
}

// breakDown adds the cost by label and by trace, where it is asked for.
func (p *profileAnalyzer) breakDown(ctx context.Context, response *tapiov1.AnalyzeProfileResponse, analysis *protoconv.ProfileAnalysis) error {
	if analysis.GroupBy.Name() != "" {
		found, err := p.store.GroupProfiles(ctx, model.ProfileGroupQuery{ProfileQuery: analysis.Query, By: analysis.GroupBy})
		if err != nil {
			return err
		}
		shown := found.Groups[:min(len(found.Groups), analysis.Top)]
		response.Groups = converted(shown, func(g *model.ProfileGroup) *tapiov1.ProfileGroup { return protoconv.ProfileGroup(g, found.Total) })
		response.MoreGroups = uint64(len(found.Groups) - len(shown))
	}
	if analysis.Traces == 0 {
		return nil
	}
	found, err := p.store.GroupProfiles(ctx, model.ProfileGroupQuery{ProfileQuery: analysis.Query, Function: analysis.Function})
	if err != nil {
		return err
	}
	shown := found.Groups[:min(len(found.Groups), analysis.Traces)]
	ids := make([]model.TraceID, len(shown))
	for i := range shown {
		ids[i] = shown[i].TraceID
	}
	extents, err := p.extents(ctx, ids)
	if err != nil {
		return err
	}
	response.Traces = converted(shown, func(g *model.ProfileGroup) *tapiov1.ProfileTrace {
		if extent, stored := extents[g.TraceID]; stored {
			return protoconv.ProfileTrace(g, found.Total, &extent)
		}
		return protoconv.ProfileTrace(g, found.Total, nil)
	})
	return nil
}
