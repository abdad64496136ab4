// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"slices"
)

func (g *group) rank(in *incident) {
	for _, s := range in.suspects {
		g.enlist(&ranked{service: s.service, score: s.score, onset: s.onset, reason: s.reason, spared: s.spared})
	}
	g.sortRanking()
}

func (g *group) enlist(r *ranked) {
	at := slices.IndexFunc(g.ranking, func(old ranked) bool { return old.service == r.service })
	switch {
	case at < 0:
		g.ranking = append(g.ranking, *r)
		g.ranking[len(g.ranking)-1].most = r.score
		g.changed = true
	case r.spared && !g.ranking[at].spared:
		// What is to blame shows only now.
		r.most = r.score
		g.ranking[at] = *r
		g.changed = true
	case r.score > g.ranking[at].score:
		old := &g.ranking[at]
		g.changed = g.changed || r.score > 1.2*old.most
		old.score = r.score
		if r.score > old.most || r.reason.shown() > old.reason.shown()+steadyFor {
			r.most = max(old.most, r.score)
			*old = *r
		}
	}
}

// refresh lets the candidates be told by the newest figures: those of the first
// moment are of few observations, and some of them from before.
func (g *group) refresh() {
	for i := range g.ranking {
		if newest := g.members[g.ranking[i].reason.key]; newest != nil {
			g.ranking[i].reason = newest
		}
	}
}

func (g *group) sortRanking() {
	slices.SortStableFunc(g.ranking, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.onset, b.onset), cmp.Compare(a.service, b.service))
	})
	g.ranking = g.ranking[:min(len(g.ranking), maxGroupSigns)]
}
