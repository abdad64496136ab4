// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/report"
	"github.com/tapio/tapio/internal/model"
)

// incidentOf collects everything that the report states about a group.
func (de *describer) incidentOf(g *group, sg *model.SemanticGroup) *report.Incident {
	first := &g.ranking[0]
	reason, own := g.reasonOf(first), g.ofService(first.service)
	in := &report.Incident{
		ID: g.id, Kind: g.kind, State: g.state, Type: sg.Type, Start: sg.Range.Start, Now: de.time.Now, Over: g.over,
		Confidence: sg.Confidence, Services: sg.Services, Impact: &sg.Impact, MergedInto: g.into, SplitFrom: g.from,
		SplitInto: g.remark, EndedBy: g.endedBy, Further: g.further, Reopened: g.reopened, Unobserved: g.unobserved, Similar: g.similar, SimilarN: g.similarCount,
	}
	in.Facts = append(in.Facts, de.facts.factOf(reason))
	for _, s := range further(reason, own) {
		in.Facts = append(in.Facts, de.facts.factOf(s))
	}
	g.quoteCaller(&in.Facts[0])
	if g.doing != nil {
		in.Facts = slices.Insert(in.Facts, 1, g.doing.fact())
	}
	if g.place != nil {
		in.Facts = de.placeFacts(g)
	}
	in.Cause = de.causeOf(g, own)
	touched := map[string]bool{}
	for _, r := range g.ranking {
		touched[r.service] = true
	}
	in.Next, _ = de.spread.next(g, touched)
	de.addSequence(in, g)
	return in
}

// placeFacts returns one fact for each service that the common place affects.
func (de *describer) placeFacts(g *group) []report.Fact {
	var list []report.Fact
	for i := range g.ranking {
		if r := &g.ranking[i]; g.place.hits(r.service) && len(list) < report.MaxEvidence {
			list = append(list, de.facts.factOf(g.quotedReason(r)))
		}
	}
	if len(list) == 0 {
		list = append(list, de.facts.factOf(g.reasonOf(&g.ranking[0])))
	}
	return list
}

// causeOf describes the cause as specifically as possible.
func (de *describer) causeOf(g *group, own []*sign) report.Cause {
	s := de.topology.serviceNamed(g.cause())
	c := report.Cause{Name: s.name, Namespace: s.namespace, Workload: s.workload, WorkloadKind: s.workloadKind, Pod: s.pod, Node: s.node}
	if p := g.place; p != nil {
		c = report.Cause{Name: p.name, Place: "node", PlaceKey: p.key, Hit: p.hit, Inside: p.inside, Outside: p.outside}
		if p.zone {
			c.Place = "zone"
		}
		if p.names != "" {
			c.Unresolved = p.callers()
		}
		if p.short != nil {
			c.Starved, c.Hog, c.HogUses = p.short.figures(), p.short.hog, p.short.most
		}
		return c
	}
	c.Pod, c.Node = de.instanceOf(s, own)
	if part := sliceIn(own); part != nil && c.Pod != "" && part.key != versionKey {
		c.OnlyPod = part.of < part.all
	} else if part != nil && part.of < part.all {
		c.Slice = part.key + " " + part.name
	}
	for _, sign := range own {
		c.Selector = cmp.Or(c.Selector, sign.label)
		if sign.subject.Kind == model.EntityCode {
			c.Code = cmp.Or(c.Code, sign.subject.Name)
		}
	}
	if g.doing != nil {
		c.Code = g.doing.place()
	}
	c.Trace = traceOf(own)
	if r := g.released(); r != nil {
		c.Version, c.Released = r.key.peer, r.onset
		if len(s.release.versions) > 0 {
			if version, before := s.release.newest(); version == c.Version {
				c.Before = before
			}
		}
	}
	c.Logs = de.logs(s.name)
	c.Traces = de.spans(s.name)
	c.Uninstrumented = s.last == 0 && !c.Logs && !c.Traces && s.pod == "" && len(de.topology.callersOf(s.name)) > 0
	return c
}

// instanceOf returns the pod and node that the fault is confined to, or the only ones of the service;
// "" if there are several.
func (de *describer) instanceOf(s *service, own []*sign) (pod, node string) {
	if part := sliceIn(own); part != nil {
		return part.pod, part.node
	}
	if only := de.topology.onlyInstance(s.name); only != nil {
		return only.pod, only.node
	}
	if de.topology.sendsSpans(s.name) {
		return "", ""
	}
	return s.pod, s.node
}

// logs reports whether the service writes log lines.
func (de *describer) logs(service string) bool {
	for key, l := range de.logbook.lines.All() {
		if key.service == service && (*l).kernel == nil && !(*l).restarts && !strings.HasPrefix(key.template, execPrefix) {
			return true
		}
	}
	for key := range de.logbook.flows.All() {
		if key.service == service {
			return true
		}
	}
	return de.lineSteps(service)
}

// lineSteps reports whether runs of the service write log lines.
func (de *describer) lineSteps(service string) bool {
	for key, held := range de.graph.operations.All() {
		if key.service != service || (*held).past == nil {
			continue
		}
		for _, f := range (*held).order {
			if f.kind == featureLog || f.kind == featureFailure {
				return true
			}
		}
	}
	return false
}

// spans reports whether the service sends spans.
func (de *describer) spans(service string) bool {
	for key := range de.graph.operations.All() {
		if key.service == service {
			return true
		}
	}
	return false
}

// addSequence lists what began when, in order, and who is affected without being the cause. Onsets are
// known to a few seconds only, so no effect is dated before its cause. Programs that are no services,
// such as a shell that was slow meanwhile, are left out.
func (de *describer) addSequence(in *report.Incident, g *group) {
	first := &g.ranking[0]
	total := baseline.HintStrength * baseline.HintStrength
	for i := range g.ranking {
		total += g.ranking[i].odds()
	}
	isService := de.topology.serviceTest()
	cause := report.Step{Service: first.service, Onset: first.onset, Fact: in.Facts[0]}
	if g.place == nil {
		in.Sequence = append(in.Sequence, cause)
	}
	for i := range g.ranking[1:] {
		r := &g.ranking[1+i]
		fact := de.facts.factOf(g.reasonOf(r))
		onset := max(r.onset, first.onset)
		explained := de.topology.dependsOn(r.service, first.service) && r.onset+de.time.Dated() >= first.onset
		if g.place == nil && (explained || r.onset >= first.onset) && (isService(r.service) || de.graph.services.Peek(r.service) == nil) {
			in.Sequence = append(in.Sequence, report.Step{Service: r.service, Onset: onset, Fact: fact})
		}
		in.Others = append(in.Others, report.Candidate{
			Service: r.service, Probability: r.odds() / total, Fact: fact, Explained: explained, Delay: onset - first.onset,
		})
	}
	slices.SortStableFunc(in.Sequence, func(a, b report.Step) int { return cmp.Compare(a.Onset, b.Onset) })
}
