// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"maps"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// maxHints bounds the number of weak anomalies that are kept for an answer.
const maxHints = 512

// question holds the state of a query about a time range (see Config.Asked): the weak anomalies within
// the range, and whether the answer was given.
type question struct {
	hints    map[signKey]*sign
	faint    map[signKey]*sign // anomalies below hintStrength that chance does not explain either, mostly effects
	further  string            // id of the group with the candidates that no other group ranks
	answered bool
}

// asking reports whether the engine's time is within the time range of the query.
func (e *Engine) asking() bool {
	return e.config.Asked.Start != 0 && !e.question.answered && e.now >= e.config.Asked.Start
}

// answer collects weak anomalies (hints) within the time range of the query. If the range ends without
// an incident, the hints together become one: the caller assumes that something happened, so the
// question is which candidate is the most likely one. The candidates that no group ranks become one
// further group, for a caller who has ruled out the others.
func (e *Engine) answer(signs []*sign) {
	if !e.asking() {
		return
	}
	q, asked := &e.question, e.config.Asked
	if q.hints == nil {
		q.hints = map[signKey]*sign{}
	}
	over := e.now > asked.End
	if over {
		signs = append(signs, e.lasting()...)
	}
	floor := e.askedFloor()
	for _, s := range signs {
		if s.opening() && s.strength >= floor && s.onset+together >= asked.Start {
			keepStronger(q.hints, s)
		} else {
			e.noteFaint(s)
		}
	}
	if !over {
		return
	}
	q.answered = true
	if suspects := e.suspectsOf(q.hints); len(suspects) > 0 && !e.opened(asked) {
		e.admit(&incident{suspects: suspects})
	}
	maps.Copy(q.hints, q.faint)
	e.describeFurther(e.suspectsOf(q.hints))
	q.hints, q.faint = nil, nil
}

func (e *Engine) suspectsOf(hints map[signKey]*sign) []*suspect {
	return e.suspects(slices.SortedFunc(maps.Values(hints), compareSigns))
}

// opened reports whether any group began within the time range.
func (e *Engine) opened(asked model.TimeRange) bool {
	return slices.ContainsFunc(e.groups, func(g *group) bool { return g.span().Start+together >= asked.Start })
}

// describeFurther makes one group of the candidates that no other group ranks.
func (e *Engine) describeFurther(suspects []*suspect) {
	suspects = slices.DeleteFunc(suspects, func(s *suspect) bool { return s.reason == nil || e.groupOf(s.service) != "" })
	if len(suspects) == 0 {
		return
	}
	if g := e.open(&incident{suspects: suspects}); g != nil {
		g.further = true
		e.question.further = g.id
	}
}

// askedFloor is the strength that chance would exceed in fewer than one of all quantities judged.
func (e *Engine) askedFloor() float64 { return strengthOf(1 / e.quantities()) }

// noteFaint keeps an anomaly that is too weak to be a hint, while a query is being answered.
func (e *Engine) noteFaint(s *sign) {
	if s == nil || !e.asking() || !(s.strength >= e.askedFloor()) || s.onset+together < e.config.Asked.Start {
		return
	}
	if e.question.faint == nil {
		e.question.faint = map[signKey]*sign{}
	}
	keepStronger(e.question.faint, s)
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
func (e *Engine) Further(id string) bool { return id != "" && id == e.question.further }

// lasting returns failures that occurred in nearly every run since the operation is known, if that is
// no longer than the time range of the query. Some programs log an error in each run although nothing
// is wrong, so these count only for a query. Their strength is askedFloor plus an amount that grows
// with the share of runs, since the query was made because someone noticed a failure.
func (e *Engine) lasting() []*sign {
	var list []*sign
	for _, held := range e.graph.operations.all() {
		o := *held
		runs := o.runs.total()
		if runs.n < minBefore || e.timeOf(o.first)+together < e.config.Asked.Start {
			continue
		}
		for _, f := range o.order {
			hits := f.hits.total()
			if (f.kind != featureError && f.kind != featureFailure) || share(hits.n, runs.n) < alwaysShare {
				continue
			}
			list = append(list, e.describeFailure(o, f, change{
				slot: f.hits.oldest(), after: sample{n: runs.n, sum: hits.n},
				ratio: min(noAlarm, strengthOf(1/e.quantities())+2*math.Log(float64(runs.n))),
			}))
		}
	}
	return list
}
