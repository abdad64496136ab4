// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/simulate/world"
)

// OperationShare is how many requests of an entry operation a fault affected, and how many the group counts.
type OperationShare struct {
	Operation          string
	Requests, Affected int
	SaidRequests       float64
	SaidRatio          float64 // of SaidRequests; -1: not in the group
}

// judgeImpact compares the share of requests affected, of all entry operations or
// of those affected, whichever the group is nearer to.
func (c *Case) judgeImpact(h *world.Happening, g *tapiov1.SemanticGroup) {
	_, c.ImpactSaid = impactOf(g)
	var some world.Affected
	for _, o := range h.Observed.ByOperation {
		if touched(o) {
			some.Requests += o.Requests
			some.Failed += o.Failed
			some.Slow += o.Slow
		}
	}
	c.ImpactShare = h.Share()
	if of := some.Share(); math.Abs(of-c.ImpactSaid) < math.Abs(c.ImpactShare-c.ImpactSaid) {
		c.ImpactShare = of
	}
	c.ImpactRight = math.Abs(c.ImpactShare-c.ImpactSaid) <= max(impactPoints, impactLooseness*c.ImpactShare)
	c.ByOperation = shares(h, g)
}

// touched reports whether a fault affected at least one of a hundred requests.
func touched(o *world.Affected) bool {
	return o.Failed+o.Slow > 0 && 100*(o.Failed+o.Slow) >= o.Requests
}

func shares(h *world.Happening, g *tapiov1.SemanticGroup) []OperationShare {
	by := map[string]*OperationShare{}
	of := func(name string) *OperationShare {
		if by[name] == nil {
			by[name] = &OperationShare{Operation: name, SaidRatio: -1}
		}
		return by[name]
	}
	for name, o := range h.Observed.ByOperation {
		if touched(o) {
			of(name).Requests, of(name).Affected = o.Requests, o.Failed+o.Slow
		}
	}
	for _, o := range g.GetImpact().GetOperations() {
		s := of(o.GetService() + " " + o.GetOperation())
		s.SaidRequests = o.GetRequestCount()
		s.SaidRatio = max(0, o.GetErrorRatio()-o.GetBaselineErrorRatio()) + o.GetSlowRatio()
		if all := h.Observed.ByOperation[s.Operation]; all != nil {
			s.Requests, s.Affected = all.Requests, all.Failed+all.Slow
		}
	}
	list := make([]OperationShare, 0, len(by))
	for _, name := range slices.Sorted(maps.Keys(by)) {
		list = append(list, *by[name])
	}
	slices.SortStableFunc(list, func(a, b OperationShare) int { return cmp.Compare(b.Requests, a.Requests) })
	return list
}

func (o *OperationShare) print(out io.Writer) {
	reported := "not in the group"
	if o.SaidRatio >= 0 {
		reported = fmt.Sprintf("in the group %.1f%% of %.0f", 100*o.SaidRatio, o.SaidRequests)
	}
	fmt.Fprintf(out, "      %s: %.1f%% of %d, %s\n", o.Operation, 100*float64(o.Affected)/max(1, float64(o.Requests)), o.Requests, reported)
}
