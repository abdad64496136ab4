// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/lru"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

// A gateway gets summaries and findings from the engines of nodes, but not their records. A
// summary holds the requests of services and their calls, which join the baselines as those
// of spans do. What a node has found is evidence: an incident of a node becomes part of an
// incident here, so that there is one for each cause.

const (
	summaryCost  = 1024 // bytes of a series of a summary
	reportedCost = 1536 // bytes of a group that a node reports
	// reportedFor is how long a node may report nothing of an open group until it counts as
	// ended: an engine reports each at least once a minute.
	reportedFor = 5 * 60 * model.Nanos(1e9)
	// reportedWhat stands for what nodes report in the keys of anomalies.
	reportedWhat = "reported by nodes"
)

// nodes is what other nodes send.
type nodes struct {
	// summaries only save work: what their points show is kept in the graph.
	summaries *lru.Table[seriesKey, *series]
	groups    *lru.Table[string, *reported]
}

func newNodes(bytes int) *nodes {
	return &nodes{
		summaries: lru.New[seriesKey, *series](bytes / 2 / summaryCost),
		groups:    lru.New[string, *reported](bytes / 2 / reportedCost),
	}
}

func (n *nodes) memory() int {
	return n.summaries.Size()*summaryCost + n.groups.Size()*reportedCost
}

// series returns the series of a summary that a point of the time belongs to, which is new if
// it is not known.
func (n *nodes) series(key seriesKey, t model.Nanos, made func() *series) *series {
	held := n.summaries.Get(key)
	if held == nil {
		held = n.summaries.Put(key, made())
	}
	s := *held
	s.last = max(s.last, t)
	s.service.last = max(s.service.last, t)
	return s
}

// outcomes returns what counts the requests of a series as those that users see. Of several
// metrics that count the same requests, one does; every is the slots between two points of it.
func (n *nodes) outcomes(r *requests, s *series, key outcomeKey, every int64) func(slot int64, nanos uint64, count float32) {
	o, end := r.outcomesOf(key), s.last
	if !o.countedBy(s, r.time.Now) {
		return func(int64, uint64, float32) {}
	}
	o.every = max(every, o.every-1)
	s.service.outcomes = s.service.outcomes || s.summary || s.red.Reports
	return func(slot int64, nanos uint64, count float32) {
		if o.observeAll(slot, nil, s.red.Failed, model.Nanos(nanos), count, count) {
			r.noteHit(o, end-min(end, r.time.Width()), end)
		}
	}
}

// reported is a group that the engine of a node reports.
type reported struct {
	anomaly  signKey
	kind     model.GroupKind
	sort     model.GroupType
	node     string
	reason   string
	onset    model.Nanos
	seen     model.Nanos // reported last
	over     model.Nanos // when it ended, 0 while it goes on
	sure     float64
	evidence []model.EvidenceRef
	into     string // the group here that it is part of, "" for none yet
}

// ObserveGroup takes a group that the engine of another node reports as evidence. node is where
// that engine runs, and record the group's record; either may be "". A group without a cause,
// or with one that names no service, is no evidence.
func (e *Engine) ObserveGroup(g *model.SemanticGroup, node, record string) {
	if g.ID == "" || len(g.RootCause.Factors) == 0 || g.Range.Start < bucket.MinTime || g.Range.Start > bucket.MaxTime || g.State == model.GroupMerged {
		return
	}
	factor := &g.RootCause.Factors[0]
	name, own := reportedCause(g)
	if name == "" {
		return
	}
	name = bound.Name(name)
	if listener := e.graph.listener(name); listener != "" {
		name = listener
	} else if !own {
		name = e.graph.named(name)
	}
	if own {
		node = cmp.Or(nodeIn(factor.Within), node)
		s := e.graph.service(&origin.Origin{Service: name, Node: node, OnNode: nodeIn(factor.Within) != "", Declared: true})
		s.last = max(s.last, min(g.Time, e.time.Now))
	} else {
		node = ""
	}
	held := e.measures.nodes.groups.Get(g.ID)
	if held == nil {
		held = e.measures.nodes.groups.Put(bound.Copy(g.ID), &reported{})
	}
	before := *held
	*held = &reported{
		anomaly: signKey{service: bound.Copy(name), class: classReported(g.Type), what: reportedWhat},
		kind:    g.Kind, sort: g.Type, node: bound.Copy(node), reason: strings.Clone(bound.Text(factor.Reason, maxReportedReason)),
		onset: g.Range.Start, seen: max(g.Time, e.time.Now), sure: max(g.Confidence, g.RootCause.Confidence), into: before.into,
		evidence: []model.EvidenceRef{{
			Kind: model.EvidenceEvent, ID: bound.Copy(cmp.Or(record, g.ID)), Time: g.Time, Description: strings.Clone(bound.Text(g.Title, maxReportedReason)),
		}},
	}
	if g.State.Ended() {
		(*held).over = cmp.Or(before.over, max(g.Range.End, g.Range.Start))
	}
}

const maxReportedReason = 300

// reportedCause is the service that a node holds for the cause, and whether the node observes
// it itself and not only calls to it. Where a node as a whole is the cause, it is the service
// that is affected most.
func reportedCause(g *model.SemanticGroup) (service string, own bool) {
	cause := &g.RootCause.Factors[0].Entity
	switch cause.Kind {
	case model.EntityPeer:
		return cause.Name, false
	case model.EntityNode:
		for i := range g.Impact.Entities {
			if name := g.Impact.Entities[i].Service(); name != "" {
				return name, true
			}
		}
		if len(g.Services) > 0 {
			return g.Services[0], true
		}
		return "", false
	default:
		return cmp.Or(cause.Service(), cause.Name), true
	}
}

func nodeIn(entities []model.Entity) string {
	for i := range entities {
		if entities[i].Kind == model.EntityNode {
			return entities[i].Name
		}
	}
	return ""
}

// classReported is how directly a report of the sort names a cause. Resources, the kernel and
// access are seen on the node alone; slow or failing calls are seen in the summaries as well.
func classReported(sort model.GroupType) class {
	switch sort {
	case model.GroupResourceExhaustion, model.GroupNetwork, model.GroupSecurity:
		return classKernel
	case model.GroupFailureCascade, model.GroupDeployment:
		return classError
	case model.GroupDependency, model.GroupUnspecified: // its own time
	}
	return classSelf
}

// anomalies lists what nodes report by now, one for each service and class: a cause that a
// thousand nodes report is one.
func (n *nodes) anomalies(tl *bucket.Time) []*sign {
	window := model.Nanos(baseline.Recent) * tl.Width()
	byKey := map[signKey]*sign{}
	sure := map[signKey]float64{}
	var list []*sign
	for id, held := range n.groups.All() {
		r := *held
		if r.over == 0 && r.seen+reportedFor < tl.Now {
			r.over = r.seen
		}
		if r.over != 0 && r.over+window < tl.Now {
			if r.over+2*reportedFor < tl.Now {
				n.groups.Remove(id) // further reports of it are not to be expected
			}
			continue
		}
		s := byKey[r.anomaly]
		if s == nil {
			s = &sign{key: r.anomaly, onset: r.onset, after: 1, unit: "ratio", size: 1, supports: true, novel: r.anomaly.class == classKernel, reported: true}
			byKey[r.anomaly] = s
			list = append(list, s)
		}
		s.report(r, tl, sure)
	}
	slices.SortFunc(list, compareSigns)
	return list
}

// report adds what one node reports.
func (s *sign) report(r *reported, tl *bucket.Time, sure map[signKey]float64) {
	s.count++
	s.onset = min(s.onset, r.onset)
	if r.over == 0 {
		s.last, s.until = tl.Now, 0
	} else if s.last != tl.Now {
		s.last, s.until = max(s.last, r.over), max(s.until, r.over)
	}
	s.evidence = append(s.evidence, r.evidence...)
	if len(s.evidence) > exemplars {
		s.evidence = s.evidence[len(s.evidence)-exemplars:]
	}
	if r.kind == model.GroupIncident {
		s.supports = false
	}
	s.strength = baseline.NoAlarm
	if !s.supports {
		s.strength = baseline.MaxStrength // the node has judged it already
	}
	if s.text == "" || r.sure > sure[s.key] {
		sure[s.key] = r.sure
		s.text, s.node, s.sort = r.reason, r.node, r.sort
		s.brief = s.text
	}
}

// note remembers which of the groups here a reported group is part of.
func (n *nodes) note(groups []*group) {
	for _, held := range n.groups.All() {
		for _, g := range groups {
			if member := g.members[(*held).anomaly]; member != nil && member.reported {
				(*held).into = cmp.Or(g.into, g.id)
			}
		}
	}
}

// MergedInto returns the group of this engine that a group of another engine is part of, ""
// for none yet. It is remembered after both ended, for as long as reports may arrive.
func (e *Engine) MergedInto(id string) string {
	if held := e.measures.nodes.groups.Peek(id); held != nil {
		return (*held).into
	}
	return ""
}

// harmReported reports whether a node has found an incident that is part of the group.
func harmReported(g *group) bool {
	return slices.ContainsFunc(g.signs(), func(s *sign) bool { return s.reported && !s.supports && s.until == 0 })
}

// reportsEnded reports whether all that nodes have found of the group has ended, and there was
// something.
func reportsEnded(g *group) bool {
	found := false
	for _, s := range g.members {
		if s.reported && s.until == 0 {
			return false
		}
		found = found || s.reported
	}
	return found
}

// onWhichNode completes what a node reported by the name of the node.
func (s *sign) onWhichNode() string {
	switch {
	case s.count > 1 && s.node == "":
		return fmt.Sprintf("%s (reported by %d nodes)", s.text, s.count)
	case s.node == "":
		return s.text
	}
	return s.text + " (reported by " + s.node + ")"
}
