// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// retire keeps a resolved incident for a while, in case that it comes back.
func (e *Engine) retire(g *group) {
	for key, v := range g.victims {
		if o := e.outcomes.peek(key); o != nil {
			(*o).end(e.slotOf(g.over))
		}
		v.upto = max(v.upto, e.judged)
	}
	if g.state != model.GroupResolved {
		e.failForecast(g)
		return
	}
	e.remember(g)
	if len(e.resolved) >= maxResolved {
		e.resolved = slices.Delete(e.resolved, 0, 1)
	}
	e.resolved = append(e.resolved, g)
}

// reopen looks whether requests of a resolved incident are affected again.
func (e *Engine) reopen(now model.Nanos) {
	e.resolved = slices.DeleteFunc(e.resolved, func(g *group) bool {
		if g.over+reopenWithin < now {
			return true
		}
		if len(e.groups) >= e.maxGroups || !e.again(g) {
			return false
		}
		g.reopened, g.over, g.changed = true, 0, true
		g.enter(model.GroupReopened)
		for key, v := range g.victims {
			if o := e.outcomes.peek(key); o != nil {
				(*o).begin(e.slotOf(now))
			}
			v.well, v.recovered = 0, false
		}
		e.groups = append(e.groups, g)
		return true
	})
}

// again reports whether requests to the cause, or of users where it has none, are
// affected again by what showed then.
func (e *Engine) again(g *group) bool {
	since := e.slotOf(g.over) + 2
	same := slices.ContainsFunc(e.fresh, func(s *suspect) bool {
		return s.alarm && s.service == g.cause() && s.onset > g.over && (s.reason == nil || s.reason.key.class == g.ranking[0].reason.key.class)
	})
	if !same {
		return false
	}
	if len(g.victims) == 0 {
		return true
	}
	for key, v := range g.victims {
		if o := e.outcomes.peek(key); o != nil && hurt((*o).between(since, e.complete(e.now)), v.baseFailed, v.baseSlow) {
			return true
		}
	}
	return false
}

// lingers reports whether an incident is no more than what a resolved one left: what
// is unusual is seen in a stretch of minutes, which still holds it.
func (e *Engine) lingers(in *incident) bool {
	root := in.suspects[0]
	return slices.ContainsFunc(e.resolved, func(g *group) bool {
		return g.concerns(root.service) && root.onset <= g.over+e.dated()
	})
}
