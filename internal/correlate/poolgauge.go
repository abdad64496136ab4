// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// Who waits for a connection of its own pool seems to wait for the callee: the span of the
// call begins before there is a connection. Gauges of the pool show it.

const (
	// leastPending is how many requests must wait for a connection.
	leastPending = 3
	// pendingTimes is how many times more than usual.
	pendingTimes = 3
)

// countsPending reports whether a metric counts the requests that wait for a connection of a
// pool.
func countsPending(name string) bool {
	return strings.Contains(name, "pending") && (strings.Contains(name, "connection") || strings.Contains(name, "pool"))
}

// exhaustedPool reports whether requests wait for a connection of a pool by now, many
// more than usual.
func (s *series) exhaustedPool(now model.Nanos) bool {
	if !countsPending(s.name) || len(s.sorted) < minValues || s.last+starvedFresh < now {
		return false
	}
	return s.newest >= max(leastPending, pendingTimes*s.middle())
}

// poolSigns adds an anomaly of each caller that waits for a callee while its own pool is
// exhausted, since it waits.
func (e *Engine) poolSigns(signs []*sign) []*sign {
	pools := map[string]*series{}
	for _, held := range e.series.all() {
		if s := *held; s.exhaustedPool(e.now) && (pools[s.service.name] == nil || s.newest > pools[s.service.name].newest) {
			pools[s.service.name] = s
		}
	}
	if len(pools) == 0 {
		return signs
	}
	byPeer := map[string]*sign{}
	for _, w := range signs {
		pool := pools[w.key.peer]
		if pool == nil || !w.dependency || w.key.class != classSelf || !e.othersWell(w.key.service, w.key.peer, e.slotOf(w.onset)) {
			continue
		}
		s := byPeer[w.key.peer]
		if s == nil {
			s = pool.sign(classResource, alarmStrength)
			s.key.peer, s.pool, s.onset, s.until = poolWhat, true, w.onset, 0
			s.from, s.supports = w.key.service, false
			s.text = fmt.Sprintf("%.0f requests of %s wait for a connection of its pool instead of %.0f (%s)", s.after, w.key.peer, s.before, pool.name)
			byPeer[w.key.peer] = s
			signs = append(signs, s)
		}
		s.onset, s.strength = min(s.onset, w.onset), max(s.strength, w.strength)
	}
	return signs
}

const (
	// minWell is how many calls of others show that a callee is well, if at most so many of
	// them are slow.
	minWell  = 10
	wellSlow = 0.15
)

// othersWell reports whether a callee answers other callers as before since a slot: one that
// is slow fills the pools of its callers as well.
func (e *Engine) othersWell(callee, caller string, since int64) bool {
	var n, slow float64
	for key, held := range e.graph.dependencies.all() {
		if key.callee == callee && key.caller != caller {
			c := (*held).tail.Since(since)
			n, slow = n+float64(c.N), slow+float64(c.Hits)
		}
	}
	return n >= minWell && slow <= wellSlow*n
}

const poolWhat = "connection pool"

// exhausts reports whether an anomaly is that the connection pool of the service is exhausted,
// and of calls to which callee.
func (s *sign) exhausts() (callee string, found bool) {
	switch {
	case s.pool:
		return s.from, true
	case s.from == "" || s.from != s.key.service || !ofPool(s.quote):
		return "", false
	}
	return s.key.peer, true
}
