// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// retire keeps a resolved incident for a while, in case that it comes back.
func (a *admission) retire(g *group) {
	for key, v := range g.victims {
		if o := a.requests.outcomes.Peek(key); o != nil {
			(*o).end(a.time.Of(g.over))
		}
		v.upto = max(v.upto, a.time.Judged)
	}
	if g.state != model.GroupResolved {
		a.book.failForecast(g)
		return
	}
	a.book.remember(g)
	if len(a.book.resolved) >= maxResolved {
		a.book.resolved = slices.Delete(a.book.resolved, 0, 1)
	}
	a.book.resolved = append(a.book.resolved, g)
}

// forgetResolved drops those incidents that can no longer come back.
func (b *incidentBook) forgetResolved(now model.Nanos) {
	b.resolved = slices.DeleteFunc(b.resolved, func(g *group) bool { return g.over+reopenWithin < now })
}

// returning is the resolved incident of whose cause and mechanism an incident is, nil
// for none.
func (b *incidentBook) returning(in *incident) *group {
	root := in.suspects[0]
	if root.reason == nil {
		return nil
	}
	at := slices.IndexFunc(b.resolved, func(g *group) bool {
		return root.cache != "" && root.cache == g.cause() || g.cause() == root.service && root.onset > g.over && g.ranking[0].reason.key.class == root.reason.key.class
	})
	if at < 0 {
		return nil
	}
	return b.resolved[at]
}

// reopen lets a resolved incident go on, once requests are affected again.
func (a *admission) reopen(g *group, in *incident) {
	if len(a.book.groups) >= a.book.maxGroups || !a.again(g) {
		return
	}
	a.book.resolved = slices.DeleteFunc(a.book.resolved, func(o *group) bool { return o == g })
	g.reopened, g.over, g.changed = true, 0, true
	g.enter(model.GroupReopened)
	for key, v := range g.victims {
		if o := a.requests.outcomes.Peek(key); o != nil {
			(*o).begin(a.time.Of(a.time.Now))
		}
		v.well, v.recovered = 0, false
		// The requests in between were not affected.
		v.pending, v.upto = outcome{}, max(v.upto, a.time.Of(in.suspects[0].onset)-1)
	}
	a.book.groups = append(a.book.groups, g)
	g.take(in, a.time.Now)
}

// again reports whether requests are affected again since the incident ended. Where
// none ever were, that it shows again is enough.
func (a *admission) again(g *group) bool {
	if len(g.victims) == 0 {
		return true
	}
	since := a.time.Of(g.over) + 2
	for key, v := range g.victims {
		if o := a.requests.outcomes.Peek(key); o != nil && hurt(v.seen((*o).between(since, a.time.Complete(a.time.Now))), v.norms) {
			return true
		}
	}
	return false
}

// lingers reports whether an incident is no more than what a resolved one left: what
// is unusual is seen in a stretch of minutes, which still holds it.
func (a *admission) lingers(in *incident) bool {
	root := in.suspects[0]
	return slices.ContainsFunc(a.book.resolved, func(g *group) bool {
		return g.concerns(root.service) && root.onset <= g.over+datedAt(a.topology, root.service) && !root.failsAnew(g, a.topology.changedAt)
	})
}
