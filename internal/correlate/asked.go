// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"maps"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// maxHints bounds the hints that are kept for an answer.
const maxHints = 512

// question is what somebody asks, see Config.Asked: the hints in the stretch of
// time asked about, and whether the answer was given.
type question struct {
	hints    map[signKey]*sign
	faint    map[signKey]*sign // what else chance would not show, but is rather an effect
	further  string            // the group of those that no other one ranks
	answered bool
}

// asking reports whether the time asked about goes by.
func (e *Engine) asking() bool {
	return e.config.Asked.Start != 0 && !e.question.answered && e.now >= e.config.Asked.Start
}

// answer gathers hints while the time asked about goes by. When it is over and
// nothing in it was reason enough for an incident, the hints together are one:
// which of them is the cause is then the question, not whether there was one.
// Whoever finds that it was none of those goes on to the next.
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
		if s.telling() && s.strength >= floor && s.onset+together >= asked.Start {
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
	e.tellFurther(e.suspectsOf(q.hints))
	q.hints, q.faint = nil, nil
}

func (e *Engine) suspectsOf(hints map[signKey]*sign) []*suspect {
	return e.suspects(slices.SortedFunc(maps.Values(hints), compareSigns))
}

// opened reports whether a group set in within the stretch of time.
func (e *Engine) opened(asked model.TimeRange) bool {
	return slices.ContainsFunc(e.groups, func(g *group) bool { return g.span().Start+together >= asked.Start })
}

// tellFurther makes one group of the suspects that no other group ranks.
func (e *Engine) tellFurther(suspects []*suspect) {
	suspects = slices.DeleteFunc(suspects, func(s *suspect) bool { return s.reason == nil || e.groupOf(s.service) != "" })
	if len(suspects) == 0 {
		return
	}
	if g := e.open(&incident{suspects: suspects}); g != nil {
		g.further = true
		e.question.further = g.id
	}
}

// askedFloor is what chance would show in less than one of the quantities judged.
func (e *Engine) askedFloor() float64 { return strengthOf(1 / e.quantities()) }

// noteFaint keeps what is no hint of a cause by itself, while somebody asks.
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

// Further reports whether a group is no more than the next best answer to what
// is asked: it stands after all others.
func (e *Engine) Further(id string) bool { return id != "" && id == e.question.further }

// lasting lists the failures that were there in nearly each run for as long as
// the operation is known, which is no longer than what is asked about. Some code
// always writes an error that is none: only when somebody asks is it a suspect.
// It stands above what chance shows in one of all quantities by as much as it
// hits more runs, for what is asked about is what was noticed.
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
			list = append(list, e.tellFailure(o, f, change{
				slot: f.hits.oldest(), after: sample{n: runs.n, sum: hits.n},
				ratio: min(noAlarm, strengthOf(1/e.quantities())+2*math.Log(float64(runs.n))),
			}))
		}
	}
	return list
}
