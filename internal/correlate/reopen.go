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

// forgetResolved drops those incidents that can no longer come back.
func (e *Engine) forgetResolved(now model.Nanos) {
	e.resolved = slices.DeleteFunc(e.resolved, func(g *group) bool { return g.over+reopenWithin < now })
}

// returning is the resolved incident of whose cause and mechanism an incident is, nil
// for none.
func (e *Engine) returning(in *incident) *group {
	root := in.suspects[0]
	if root.reason == nil {
		return nil
	}
	at := slices.IndexFunc(e.resolved, func(g *group) bool {
		return root.cache != "" && root.cache == g.cause() || g.cause() == root.service && root.onset > g.over && g.ranking[0].reason.key.class == root.reason.key.class
	})
	if at < 0 {
		return nil
	}
	return e.resolved[at]
}

// reopen lets a resolved incident go on, once requests are affected again.
func (e *Engine) reopen(g *group, in *incident) {
	if len(e.groups) >= e.maxGroups || !e.again(g) {
		return
	}
	e.resolved = slices.DeleteFunc(e.resolved, func(o *group) bool { return o == g })
	g.reopened, g.over, g.changed = true, 0, true
	g.enter(model.GroupReopened)
	for key, v := range g.victims {
		if o := e.outcomes.peek(key); o != nil {
			(*o).begin(e.slotOf(e.now))
		}
		v.well, v.recovered = 0, false
		// The requests in between were not affected.
		v.pending, v.upto = outcome{}, max(v.upto, e.slotOf(in.suspects[0].onset)-1)
	}
	e.groups = append(e.groups, g)
	g.take(in, e.now)
}

// again reports whether requests are affected again since the incident ended. Where
// none ever were, that it shows again is enough.
func (e *Engine) again(g *group) bool {
	if len(g.victims) == 0 {
		return true
	}
	since := e.slotOf(g.over) + 2
	for key, v := range g.victims {
		if o := e.outcomes.peek(key); o != nil && hurt(v.seen((*o).between(since, e.complete(e.now))), v.norms) {
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
		return g.concerns(root.service) && root.onset <= g.over+datedAt(e, root.service) && !root.failsAnew(g, e.changedAt)
	})
}
