// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
)

// commonCallees adds an anomaly of a service at whose calls the runs of several other services end
// early. Each of those looks as if it had stopped by itself; the callee is what they have in common.
func (rd *runDetector) commonCallees(signs []*sign) []*sign {
	by := map[string][]*sign{}
	var order []string
	for _, s := range signs {
		if s.endsAt == "" || s.strength < baseline.HintStrength {
			continue
		}
		if by[s.endsAt] == nil {
			order = append(order, s.endsAt)
		}
		by[s.endsAt] = append(by[s.endsAt], s)
	}
	for _, callee := range order {
		if names := callersIn(by[callee]); len(names) >= minIdle {
			signs = append(signs, rd.endingSign(callee, names, by[callee]))
		}
	}
	slices.SortStableFunc(signs, compareSigns)
	return signs
}

func callersIn(signs []*sign) []string {
	var names []string
	for _, s := range signs {
		if !slices.Contains(names, s.key.service) {
			names = append(names, s.key.service)
		}
	}
	slices.Sort(names)
	return names
}

func (rd *runDetector) endingSign(callee string, names []string, ends []*sign) *sign {
	strongest := slices.MaxFunc(ends, func(a, b *sign) int { return int(a.strength - b.strength) })
	s := newSign(rd.time, rd.topology.serviceNamed(callee), classPath, "last call", "", baseline.ChangePoint{Bucket: rd.time.Of(strongest.onset), Ratio: strongest.strength})
	s.onset, s.count, s.before, s.after, s.unit, s.size = strongest.onset, strongest.count, strongest.before, strongest.after, strongest.unit, 1
	s.text = fmt.Sprintf("runs of %s end once they call %s, since %s; before they went on", strings.Join(names, " and "), callee, clock(s.onset))
	s.brief = fmt.Sprintf("%s no longer lets its callers go on (%s)", callee, strings.Join(names, ", "))
	s.evidence, s.verbatim = strongest.evidence, true
	for _, end := range ends {
		end.supports = true
		end.size /= 2
	}
	return s
}

// callee returns the service that clients call: the one that listens at the address, else the one that
// has the name which clients use.
func (g *graph) callee(r *red) string {
	if name := g.listener(r.at); name != "" {
		return name
	}
	return g.named(cmp.Or(r.Peer, shownEndpoint(r.at)))
}

// hasCallers reports whether another service is known to call this one.
func (g *graph) hasCallers(name string) bool {
	for key := range g.calls.All() {
		if key.callee == name && key.caller != name {
			return true
		}
	}
	return false
}
