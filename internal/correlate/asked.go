// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math"
	"slices"
)

// maxHints bounds the hints that are kept for an answer.
const maxHints = 512

// question is what somebody asks, see Config.Asked: the hints in the stretch of
// time asked about, and whether the answer was given.
type question struct {
	hints    map[signKey]*sign
	answered bool
}

// answer gathers hints while the time asked about goes by. When it is over and
// nothing in it was reason enough for an incident, the hints together are one:
// which of them is the cause is then the question, not whether there was one.
func (e *Engine) answer(signs []*sign) {
	q, asked := &e.question, e.config.Asked
	if asked.Start == 0 || q.answered || e.now < asked.Start {
		return
	}
	if q.hints == nil {
		q.hints = map[signKey]*sign{}
	}
	over := e.now > asked.End
	if over {
		signs = append(signs, e.lasting()...)
	}
	floor := strengthOf(1 / e.quantities())
	for _, s := range signs {
		if s.telling() && s.strength >= floor && s.onset+together >= asked.Start {
			q.keep(s)
		}
	}
	if !over {
		return
	}
	q.answered = true
	if !slices.ContainsFunc(e.groups, func(g *group) bool { return g.span().Start+together >= asked.Start }) {
		e.suppose(q)
	}
	q.hints = nil
}

func (q *question) keep(s *sign) {
	old := q.hints[s.key]
	if old == nil && len(q.hints) >= maxHints || old != nil && old.strength >= s.strength {
		return
	}
	q.hints[s.key] = s
}

// suppose makes one incident of the hints, of which none need be connected.
func (e *Engine) suppose(q *question) {
	var signs []*sign
	for _, s := range q.hints {
		signs = append(signs, s)
	}
	slices.SortFunc(signs, compareSigns)
	if suspects := e.suspects(signs); len(suspects) > 0 {
		e.admit(&incident{suspects: suspects})
	}
}

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
