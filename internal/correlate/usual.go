// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math"
	"slices"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
)

// way describes how long calls spend on the network in this system: median and spread over all edges,
// of the logarithm. An edge that is not known for long is compared with the others, because the
// network is the same for all of them up to a factor.
type way struct {
	edges          int
	center, spread float64
}

// minEdges is how many edges a baseline needs.
const minEdges = baseline.LeastBefore

// usualWay computes the baseline from the edges in use.
func (rd *runDetector) usualWay() way {
	var means []float64
	for _, c := range rd.graph.calls.All() {
		if total := (*c).gap.Total(); (*c).paired && total.N >= baseline.LeastAfter {
			means = append(means, total.Mean())
		}
	}
	if len(means) < minEdges {
		return way{}
	}
	slices.Sort(means)
	center := means[len(means)/2]
	return way{edges: len(means), center: center, spread: max(normalMAD*mad(means, center), math.Ln2)}
}

// exceeds returns how much longer than the baseline calls of an edge without a history spend on the
// network.
func (w way) exceeds(c *call) baseline.ChangePoint {
	total := c.gap.Total()
	if w.edges == 0 || !c.paired || c.gap.Old.N > 0 || total.N < baseline.LeastBefore {
		return baseline.ChangePoint{}
	}
	rise := total.Mean() - w.center
	if rise <= 0 {
		return baseline.ChangePoint{}
	}
	spread := w.spread*w.spread + baseline.PriorSpread/float64(total.N)
	return baseline.ChangePoint{
		Bucket: c.gap.Oldest(), Ratio: rise * rise / spread, After: total,
		Before: baseline.Sample{N: float32(w.edges), Sum: float32(float64(w.edges) * w.center)},
	}
}

// paired reports whether both ends of the calls are known.
func (g *graph) paired(caller, callee string) bool {
	for _, derived := range [...]bool{false, true} {
		if c := g.calls.Peek(callKey{caller, callee, derived}); c != nil && (*c).paired {
			return true
		}
	}
	return false
}

// describeWay makes an anomaly one of the network between two services. If only log lines are known, the
// time includes the caller's own work before and after the call. If other callers reach the callee as
// fast as before, it is therefore an anomaly of the caller.
func (g *graph) describeWay(s *sign, key callKey, since int64) {
	s.key.class = classEdge
	if !key.derived || !g.reached(key, since) {
		return
	}
	s.key.class, s.key.service, s.key.what, s.key.peer = classSelf, key.caller, "calls of "+key.callee, ""
	if caller := g.services.Peek(key.caller); caller != nil {
		s.pod, s.node, s.label = (*caller).pod, (*caller).node, (*caller).label
	}
}

// reached reports whether another caller reaches the callee as fast as before.
func (g *graph) reached(key callKey, since int64) bool {
	for other, held := range g.calls.All() {
		if other.callee != key.callee || other.caller == key.caller || !other.derived {
			continue
		}
		var after baseline.Sample
		gap := &(*held).gap
		for slot := max(since, gap.Head-baseline.Recent+1); slot <= gap.Head; slot++ {
			after.Add(gap.At(slot))
		}
		before := gap.Total().Minus(after)
		if after.N >= baseline.LeastAfter && before.N > 0 && after.Mean()-before.Mean() < leastRise {
			return true
		}
	}
	return false
}

// ring keeps the newest exemplars.
type ring struct {
	refs [exemplars]reference
	next int
}

type reference struct {
	metric bool // uid is the id of a metric series
	trace  model.TraceID
	span   model.SpanID
	uid    string
	time   model.Nanos
}

func (r *ring) add(ref reference) {
	r.refs[r.next%exemplars] = ref
	r.next++
}

// evidence lists the records, each with the description text.
func (r *ring) evidence(text string) []model.EvidenceRef {
	var list []model.EvidenceRef
	for i := range r.refs {
		ref := &r.refs[i]
		switch {
		case ref.metric:
			list = append(list, model.EvidenceRef{Kind: model.EvidenceMetric, ID: ref.uid, Time: ref.time, Description: text})
		case ref.uid != "":
			list = append(list, model.EvidenceRef{Kind: model.EvidenceEvent, ID: ref.uid, Time: ref.time, Description: text})
		case !ref.trace.IsZero():
			list = append(list, model.EvidenceRef{
				Kind: model.EvidenceSpan, ID: model.SpanEvidenceID(ref.trace, ref.span), Time: ref.time, Description: text,
			})
		}
	}
	return list
}
