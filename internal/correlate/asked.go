// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"maps"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/model"
)

// maxHints bounds the number of weak anomalies that are kept for an answer.
const maxHints = 512

// query keeps weak anomalies while a query about a time range is being answered.
type query struct {
	time      *bucket.Time
	config    Config
	question  question
	graph     *graph
	threshold *threshold
	runs      *runDetector
}

// question holds the state of a query about a time range (see Config.Asked): the weak anomalies within
// the range, and whether the answer was given.
type question struct {
	hints    map[signKey]*sign
	faint    map[signKey]*sign // anomalies below hintStrength that chance does not explain either, mostly effects
	further  string            // id of the group with the candidates that no other group ranks
	answered bool
}

// asking reports whether the engine's time is within the time range of the query.
func (q *query) asking() bool {
	return q.config.Asked.Start != 0 && !q.question.answered && q.time.Now >= q.config.Asked.Start
}

// answer collects weak anomalies (hints) within the time range of the query. If the range ends without
// an incident, the hints together become one: the caller assumes that something happened, so the
// question is which candidate is the most likely one. The candidates that no group ranks become one
// further group, for a caller who has ruled out the others.
func (a *admission) answer(signs []*sign) {
	if !a.query.asking() {
		return
	}
	q, asked := &a.query.question, a.config.Asked
	if q.hints == nil {
		q.hints = map[signKey]*sign{}
	}
	over := a.time.Now > asked.End
	if over {
		signs = append(signs, a.query.lasting()...)
	}
	floor := a.ranker.threshold.askedFloor()
	for _, s := range signs {
		if s.opening() && s.strength >= floor && s.onset+together >= asked.Start {
			keepStronger(q.hints, s)
		} else {
			a.query.noteFaint(s)
		}
	}
	if !over {
		return
	}
	q.answered = true
	if suspects := a.suspectsOf(q.hints); len(suspects) > 0 && !a.book.opened(asked) {
		a.admit(&incident{suspects: suspects})
	}
	maps.Copy(q.hints, q.faint)
	a.describeFurther(a.suspectsOf(q.hints))
	q.hints, q.faint = nil, nil
}

func (a *admission) suspectsOf(hints map[signKey]*sign) []*suspect {
	return a.ranker.suspects(slices.SortedFunc(maps.Values(hints), compareSigns))
}

// opened reports whether any group began within the time range.
func (b *incidentBook) opened(asked model.TimeRange) bool {
	return slices.ContainsFunc(b.groups, func(g *group) bool { return g.span().Start+together >= asked.Start })
}

// describeFurther makes one group of the candidates that no other group ranks.
func (a *admission) describeFurther(suspects []*suspect) {
	suspects = slices.DeleteFunc(suspects, func(s *suspect) bool { return s.reason == nil || a.book.groupOf(s.service) != "" })
	if len(suspects) == 0 {
		return
	}
	if g := a.book.open(&incident{suspects: suspects}); g != nil {
		g.further = true
		a.query.question.further = g.id
	}
}

// askedFloor is the strength that chance would exceed in fewer than one of all quantities judged.
func (th *threshold) askedFloor() float64 { return baseline.StrengthOf(1 / th.quantities()) }

// noteFaint keeps an anomaly that is too weak to be a hint, while a query is being answered.
func (q *query) noteFaint(s *sign) {
	if s == nil || !q.asking() || !(s.strength >= q.threshold.askedFloor()) || s.onset+together < q.config.Asked.Start {
		return
	}
	if q.question.faint == nil {
		q.question.faint = map[signKey]*sign{}
	}
	keepStronger(q.question.faint, s)
}

func keepStronger(hints map[signKey]*sign, s *sign) {
	old := hints[s.key]
	if old == nil && len(hints) >= maxHints || old != nil && old.strength >= s.strength {
		return
	}
	hints[s.key] = s
}

// Further reports whether a group holds only the candidates that no other group ranks; it is to be
// listed after all others.
func (e *Engine) Further(id string) bool { return id != "" && id == e.query.question.further }

// lasting returns failures that occurred in nearly every run since the operation is known, if that is
// no longer than the time range of the query. Some programs log an error in each run although nothing
// is wrong, so these count only for a query. Their strength is askedFloor plus an amount that grows
// with the share of runs, since the query was made because someone noticed a failure.
func (q *query) lasting() []*sign {
	var list []*sign
	for _, held := range q.graph.operations.All() {
		o := *held
		runs := o.runs.Total()
		if runs.N < baseline.LeastBefore || q.time.Start(o.first)+together < q.config.Asked.Start {
			continue
		}
		for _, f := range o.order {
			hits := f.hits.Total()
			if (f.kind != featureError && f.kind != featureFailure) || baseline.Share(hits.N, runs.N) < alwaysShare {
				continue
			}
			list = append(list, q.runs.describeFailure(o, f, baseline.ChangePoint{
				Bucket: f.hits.Oldest(), After: baseline.Sample{N: runs.N, Sum: hits.N},
				Ratio: min(baseline.NoAlarm, baseline.StrengthOf(1/q.threshold.quantities())+2*math.Log(float64(runs.N))),
			}))
		}
	}
	return list
}
