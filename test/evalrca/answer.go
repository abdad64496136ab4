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
	services []string // held for the cause, the most probable first
	opened   int      // groups that the fault touches
	early    int      // groups that begin in the fault-free minute and do not last into the fault
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

// ask reads the answer for a fault from the groups. quiet is where the
// fault-free minute begins.
func ask(groups []*tapiov1.SemanticGroup, f *fault, quiet uint64) answer {
	var a answer
	var touching []*tapiov1.SemanticGroup
	for _, g := range groups {
		first, last := nanos(g.GetTimeRange().GetStart()), nanos(g.GetTimeRange().GetEnd())
		switch {
		case g.GetState() == tapiov1.SemanticGroup_STATE_MERGED:
		case last >= f.At && first < f.end():
			touching = append(touching, g)
		case first >= quiet && first < quiet+uint64(time.Minute):
			a.early++
		}
	}
	a.opened = len(touching)
	slices.SortStableFunc(touching, func(x, y *tapiov1.SemanticGroup) int {
		return cmp.Or(
			cmp.Compare(y.GetImpact().GetLevel(), x.GetImpact().GetLevel()),
			cmp.Compare(y.GetConfidence(), x.GetConfidence()))
	})
	for _, g := range touching {
		for _, factor := range g.GetRootCause().GetCausalFactors() {
			if s := serviceOf(factor.GetEntity()); s != "" && !slices.Contains(a.services, s) {
				a.services = append(a.services, s)
			}
		}
	}
	return a
}

func nanos(t *timestamppb.Timestamp) uint64 { return uint64(t.AsTime().UnixNano()) }

func serviceOf(e *tapiov1.Entity) string {
	if e.GetKind() == tapiov1.Entity_KIND_SERVICE {
		return e.GetName()
	}
	return e.GetAttributes()["service.name"]
}
