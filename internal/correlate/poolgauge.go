// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
)

// A service that waits for a free connection of its own pool seems to wait for the callee, because the
// span of the call begins before there is a connection. Gauges of the pool show the difference.

const (
	// leastPending is the least number of requests that wait for a connection.
	leastPending = 3
	// pendingTimes is how many times the median they must exceed.
	pendingTimes = 3
)

// countsPending reports whether a metric counts the requests that wait for a connection of a
// pool.
func countsPending(name string) bool {
	return strings.Contains(name, "pending") && (strings.Contains(name, "connection") || strings.Contains(name, "pool"))
}

// exhaustedPool reports whether many more requests than in the baseline wait for a connection now.
func (s *series) exhaustedPool(now model.Nanos) bool {
	if !countsPending(s.name) || len(s.sorted) < minValues || s.last+starvedFresh < now {
		return false
	}
	return s.newest >= max(leastPending, pendingTimes*s.middle())
}

// poolSigns adds an anomaly for each caller that waits for a callee while its own pool is exhausted.
func (d *seriesDetector) poolSigns(signs []*sign) []*sign {
	pools := map[string]*series{}
	for _, held := range d.series.All() {
		if s := *held; s.exhaustedPool(d.time.Now) && (pools[s.service.name] == nil || s.newest > pools[s.service.name].newest) {
			pools[s.service.name] = s
		}
	}
	if len(pools) == 0 {
		return signs
	}
	byPeer := map[string]*sign{}
	for _, w := range signs {
		pool := pools[w.key.peer]
		if pool == nil || !w.dependency || w.key.class != classSelf || !d.othersWell(w.key.service, w.key.peer, d.time.Of(w.onset)) {
			continue
		}
		s := byPeer[w.key.peer]
		if s == nil {
			s = pool.sign(classResource, baseline.AlarmStrength)
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
	// minWell is the number of calls of other callers that show whether a callee is healthy.
	minWell  = 10
	wellSlow = 0.15
)

// othersWell reports whether a callee has answered other callers as before since a bucket. A slow
// callee would exhaust the pools of all its callers.
func (d *seriesDetector) othersWell(callee, caller string, since int64) bool {
	var n, slow float64
	for key, held := range d.graph.dependencies.All() {
		if key.callee == callee && key.caller != caller {
			c := (*held).tail.Since(since)
			n, slow = n+float64(c.N), slow+float64(c.Hits)
		}
	}
	return n >= minWell && slow <= wellSlow*n
}

const poolWhat = "connection pool"

// exhausts reports whether the anomaly is an exhausted connection pool of the service, and for which
// callee.
func (s *sign) exhausts() (callee string, found bool) {
	switch {
	case s.pool:
		return s.from, true
	case s.from == "" || s.from != s.key.service || !ofPool(s.quote):
		return "", false
	}
	return s.key.peer, true
}
