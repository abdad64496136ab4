// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"slices"

	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/redmetric"
)

// ranker makes candidates for the root cause of the anomalies.
type ranker struct {
	time      *bucket.Time
	graph     *graph
	topology  *topology
	threshold *threshold
	book      *incidentBook
}

func (g *group) rank(in *incident) {
	for _, s := range in.suspects {
		g.enlist(&ranked{service: s.service, score: s.score, onset: s.onset, reason: s.reason, spared: s.spared, shown: s.shown(), own: s.ownFault()})
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
		// Only now is it known which service is to blame.
		r.most = r.score
		g.ranking[at] = *r
		g.changed = true
	case r.score < g.ranking[at].score:
		g.ranking[at].relearn(r)
	case r.score > g.ranking[at].score:
		old := &g.ranking[at]
		old.shown = max(old.shown, r.shown)
		g.changed = g.changed || r.score > 1.2*old.most
		old.score = r.score
		if r.score > old.most || r.reason.shown() > old.reason.shown()+steadyFor {
			r.most = max(old.most, r.score)
			*old = *r
		}
	}
}

// supported is 0 for a candidate with effects only, such as durations from metrics, and 1 for others,
// which are ranked first.
func (r *ranked) supported() int {
	if r.reason.opening() {
		return 0
	}
	return 1
}

// stillShown is the share of its largest weight that a candidate must still have for its score to be
// lowered.
const stillShown = 0.8

// relearn lowers the score of a candidate that deviates as much as before, because other services
// turned out to explain it. If the fault is over, the score fades instead.
func (r *ranked) relearn(now *ranked) {
	if now.score <= 0 || now.shown < stillShown*r.shown {
		return
	}
	r.score, r.shown = now.score, max(r.shown, now.shown)
	if now.reason != nil {
		r.reason = now.reason
	}
}

// refresh updates the figures of the candidates: the first ones are of few observations, some from
// before the fault.
func (g *group) refresh() {
	for i := range g.ranking {
		if newest := g.members[g.ranking[i].reason.key]; newest != nil {
			g.ranking[i].reason = newest
		}
	}
}

func (g *group) sortRanking() {
	slices.SortStableFunc(g.ranking, func(a, b ranked) int {
		return cmp.Or(a.supported()-b.supported(), relayed(a.reason)-relayed(b.reason), cmp.Compare(b.score, a.score), cmp.Compare(a.onset, b.onset), cmp.Compare(failingShare(b.reason), failingShare(a.reason)), cmp.Compare(a.service, b.service))
	})
	g.ranking = g.ranking[:min(len(g.ranking), maxGroupSigns)]
}

// failingShare is the share of requests that fail, if a candidate's reason is that they do: of services
// that fail at once, a callee fails more of its requests than its callers do.
func failingShare(reason *sign) float64 {
	if reason == nil || reason.key.class != classError || reason.unit != "ratio" {
		return 0
	}
	return reason.after
}

// relayed is 1 for a candidate whose requests fail because a server behind it did, as the
// status of a gateway shows: it comes after candidates without that status.
func relayed(reason *sign) int {
	if reason != nil && reason.key.class == classError && !reason.dependency && redmetric.Relayed(reason.quote) {
		return 1
	}
	return 0
}
