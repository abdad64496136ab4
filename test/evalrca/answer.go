// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// answer is what the collector says about one case.
type answer struct {
	services []string // held for the cause when asked, the most probable first
	unasked  []string // the same, of the incidents that it opened unasked
	noted    []string // the same, of incidents, observations and changes
	opened   int      // incidents that the fault touches
	groups   []*tapiov1.SemanticGroup
	seconds  float64
}

const (
	pollEvery = 50 * time.Millisecond
	// steady is how many equal answers in a row mean that no more findings are on
	// their way.
	steady = 5
)

// settledGroups asks for the groups of all time until the answer stays the same.
func settledGroups(ctx context.Context, api tapiov1.TapioServiceClient) ([]*tapiov1.SemanticGroup, error) {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	var last *tapiov1.GetSemanticGroupsResponse
	for same := 0; same < steady; {
		now, err := api.GetSemanticGroups(ctx, &tapiov1.GetSemanticGroupsRequest{Filter: &tapiov1.Filter{Limit: 1000}})
		if err != nil {
			return nil, err
		}
		if last != nil && proto.Equal(now, last) {
			same++
		} else {
			last, same = now, 0
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return last.GetGroups(), nil
}

// analyzed asks for the cause of what was wrong from the fault on.
// The person is wrong about the time by asked.
func analyzed(ctx context.Context, api tapiov1.TapioServiceClient, f *fault, asked time.Duration) ([]string, error) {
	shift := uint64(asked) // that of a negative one wraps, and so does the sum
	at := func(nanos uint64) *timestamppb.Timestamp { return timestamppb.New(time.Unix(0, int64(nanos))) }
	response, err := api.AnalyzeEvents(ctx, &tapiov1.AnalyzeEventsRequest{
		Filter: &tapiov1.Filter{TimeRange: &tapiov1.TimeRange{Start: at(f.At + shift), End: at(f.end() + shift)}},
	})
	if err != nil {
		return nil, err
	}
	return candidates(response.GetGroups()), nil
}

// unasked reads the answer for a fault from the groups that were opened unasked.
func unasked(groups []*tapiov1.SemanticGroup, f *fault) answer {
	var a answer
	for _, g := range groups {
		if g.GetState() != tapiov1.SemanticGroup_STATE_MERGED && f.touches(g, 0) {
			a.groups = append(a.groups, g)
		}
	}
	slices.SortStableFunc(a.groups, func(x, y *tapiov1.SemanticGroup) int {
		return cmp.Or(
			cmp.Compare(f.older(x), f.older(y)),
			cmp.Compare(y.GetImpact().GetLevel(), x.GetImpact().GetLevel()),
			cmp.Compare(y.GetConfidence(), x.GetConfidence()))
	})
	incidents := slices.DeleteFunc(slices.Clone(a.groups), func(g *tapiov1.SemanticGroup) bool { return !pages(g) })
	a.opened, a.unasked, a.noted = len(incidents), candidates(incidents), candidates(a.groups)
	return a
}

// pages reports whether a group would wake a person: it was not taken up by another,
// and is neither an observation nor a planned change.
func pages(g *tapiov1.SemanticGroup) bool {
	switch g.GetKind() {
	case tapiov1.SemanticGroup_KIND_OBSERVATION, tapiov1.SemanticGroup_KIND_CHANGE:
		return false
	}
	return g.GetState() != tapiov1.SemanticGroup_STATE_MERGED
}

// touches reports whether a group lasted while the fault did, or some time after.
func (f *fault) touches(g *tapiov1.SemanticGroup, after time.Duration) bool {
	return nanos(g.GetTimeRange().GetEnd()) >= f.At && nanos(g.GetTimeRange().GetStart()) < f.end()+uint64(after)
}

// settling is how long after a fault its effects may still be seen.
const settling = 2 * time.Minute

// falsePages counts the groups that touch none of the faults of the day: all that was
// sent counts, not only what lies about the case.
func falsePages(groups []*tapiov1.SemanticGroup, faults []fault) (n int) {
	for _, g := range groups {
		if pages(g) && !slices.ContainsFunc(faults, func(f fault) bool { return f.touches(g, settling) }) {
			n++
		}
	}
	return n
}

// older is 1 for a group that set in before the fault by more than the minute
// between two points of a metric, twice, and 0 for another.
func (f *fault) older(g *tapiov1.SemanticGroup) int {
	if nanos(g.GetTimeRange().GetStart())+uint64(2*time.Minute) < f.At {
		return 1
	}
	return 0
}

// candidates lists the services that the groups name, in their order.
func candidates(groups []*tapiov1.SemanticGroup) []string {
	var list []string
	for _, g := range groups {
		for _, factor := range g.GetRootCause().GetCausalFactors() {
			if s := serviceOf(factor.GetEntity()); s != "" && !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
	}
	return list
}

func nanos(t *timestamppb.Timestamp) uint64 { return uint64(t.AsTime().UnixNano()) }

func serviceOf(e *tapiov1.Entity) string {
	if e.GetKind() == tapiov1.Entity_KIND_SERVICE {
		return e.GetName()
	}
	return e.GetAttributes()["service.name"]
}
