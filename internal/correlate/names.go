// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/failure"
	"github.com/tapio/tapio/internal/correlate/kernelrule"
)

// A service that cannot resolve a name is not at fault. If several services report several
// names, that is evidence on the name server; if one name is reported, it is evidence on
// the host of that name.

// commonNames adds an anomaly of the name server, or of the host that is looked up, where
// the kernel reports names that are not resolved. Those of the callers then support it.
func (rd *runDetector) commonNames(signs []*sign) []*sign {
	var lookups []*sign
	for _, s := range signs {
		if s.reports(kernelrule.LookupFailure) && s.strength >= baseline.HintStrength {
			lookups = append(lookups, s)
		}
	}
	callers, names := callersIn(lookups), namesIn(lookups)
	if len(lookups) == 0 || !slices.ContainsFunc(lookups, func(s *sign) bool { return s.alarms(baseline.AlarmStrength) }) {
		return signs
	}
	var blamed string
	switch known, found := rd.graph.aliases[folded(names[0])]; {
	case len(names) == 1 && found && !unanswered(lookups):
		blamed = known
	case len(names) > 1 && len(callers) > 1, unanswered(lookups) && len(lookups) > 1:
		blamed = rd.topology.nameServer()
	default:
		return signs
	}
	if slices.Contains(callers, blamed) {
		return signs
	}
	excuseWaiting(signs, callers)
	signs = append(signs, rd.lookupSign(blamed, callers, names, lookups))
	slices.SortStableFunc(signs, compareSigns)
	return signs
}

// unanswered reports whether the name server answers none of the lookups in time. Which names
// are looked up does not matter then.
func unanswered(lookups []*sign) bool {
	return !slices.ContainsFunc(lookups, func(s *sign) bool { return s.kernel.fault != "timeout" && s.kernel.fault != "ETIMEDOUT" })
}

// excuseWaiting weakens the anomalies of calls by services that cannot resolve names: they
// wait for an address before they connect, and give up.
func excuseWaiting(signs []*sign, callers []string) {
	for _, s := range signs {
		switch {
		case s.way() && slices.Contains(callers, s.key.peer):
			s.supports = true
			s.size *= inherited
		case s.dependency && s.key.class == classError && failure.ClassOf(s.quote) == failure.Timeout && slices.Contains(callers, s.from):
			s.supports = true
			s.strength = min(s.strength, baseline.NoAlarm)
		}
	}
}

// namesIn lists the names that are looked up, each once.
func namesIn(lookups []*sign) []string {
	var names []string
	for _, s := range lookups {
		if name := s.kernel.peer; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (rd *runDetector) lookupSign(blamed string, callers, names []string, lookups []*sign) *sign {
	strongest := slices.MinFunc(lookups, strongest)
	s := newSign(rd.time, rd.topology.serviceNamed(blamed), classKernel, "lookups", "", baseline.ChangePoint{Bucket: rd.time.Of(strongest.onset), Ratio: baseline.MaxStrength})
	s.onset, s.count, s.size, s.after, s.unit = strongest.onset, 0, 1, 1, "ratio"
	s.pod, s.node, s.label, s.event, s.novel = "", "", "", strongest.event, true
	s.peers, s.lookups, s.quote, s.evidence = callers, true, strongest.kernel.fault, strongest.evidence
	for _, l := range lookups {
		s.onset, s.count = min(s.onset, l.onset), s.count+l.count
		l.strength, l.supports, l.novel = baseline.HintStrength, true, false
		rd.graph.call(l.key.service, blamed)
	}
	s.onNode = nodeOfLookups(lookups)
	if len(names) > 1 || blamed == rd.topology.nameServer() {
		s.callee = strings.Join(names[:min(3, len(names))], ", ")
	}
	s.text = fmt.Sprintf("lookups of %s by %s fail with “%s”", strings.Join(names, ", "), strings.Join(callers, ", "), s.quote)
	s.brief = fmt.Sprintf("lookups of %s fail", strings.Join(names, ", "))
	return s
}

// seenOn notes on which node the newest event of a line was.
func (l *line) seenOn(node string, slot int64) {
	switch k := l.kernel; {
	case l.Rate.Head == 0 || slot-l.Rate.Head >= baseline.Recent:
		k.node = node
	case k.node != node:
		k.node = ""
	}
}

// nodeOfLookups is the node from which all lookups come, "" for several.
func nodeOfLookups(lookups []*sign) string {
	node := lookups[0].kernel.node
	for _, s := range lookups {
		node = common(node, s.kernel.node)
	}
	return node
}

// lookupPlace is the node on which names are not resolved while services run elsewhere too, of
// which none reports that: the resolver of the node is at fault, not the name server. It is nil
// for none.
func (d *divider) lookupPlace(suspects []*suspect) *place {
	for _, of := range suspects {
		at := slices.IndexFunc(of.signs, func(s *sign) bool { return s.lookups && s.onNode != "" })
		if at < 0 {
			continue
		}
		s := of.signs[at]
		p := &place{name: s.onNode, sliced: true, names: s.key.service, key: (&place{}).attribute(d.topology.serviceNamed(s.peers[0]))}
		for _, other := range suspects {
			if other == of || slices.Contains(s.peers, other.service) {
				p.hit = append(p.hit, other.service)
			}
		}
		slices.Sort(p.hit)
		d.topology.populate(p, d.topology.placedSince())
		if d.topology.runsBeside(p.name) {
			return p
		}
	}
	return nil
}

// runsBeside reports whether instances run on other nodes by now.
func (t *topology) runsBeside(node string) bool {
	for _, held := range t.graph.instances.All() {
		if i := *held; i.node != "" && i.node != node && i.last >= t.placedSince() {
			return true
		}
	}
	return false
}
