// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/hash"
	"github.com/tapio/tapio/internal/correlate/hotspot"
	"github.com/tapio/tapio/internal/model"
)

// describer returns incidents as findings.
type describer struct {
	time     *bucket.Time
	graph    *graph
	topology *topology
	hosts    *hosts
	measures *measures
	logbook  *logbook
	hotspots *hotspot.Book
	facts    *facts
	spread   *spread
	book     *incidentBook
}

// describe returns the findings of a group: its correlations, the group itself, and the insights
// (texts).
func (de *describer) describe(g *group) []model.Finding {
	signs := g.signs()
	sg := &model.SemanticGroup{
		FindingIdentity: model.FindingIdentity{ID: g.id, Revision: g.revision, Time: de.time.Now},
		State:           g.state,
		MergedInto:      g.into,
		SplitFrom:       g.from,
		Range:           de.book.began(g, g.span()),
		Services:        slices.Sorted(slices.Values(de.spread.affectedServices(g))),
	}
	var findings []model.Finding
	for _, c := range de.correlate(g, signs) {
		c.GroupID = g.id
		sg.CorrelationIDs = append(sg.CorrelationIDs, c.ID)
		findings = append(findings, c)
	}
	for _, s := range signs {
		sg.MemberCount += uint64(s.count)
		sg.Members = append(sg.Members, s.evidence...)
	}
	sg.Members = sortedEvidence(sg.Members)
	if len(sg.Members) > model.MaxGroupMembers {
		sg.Members = sg.Members[:model.MaxGroupMembers]
	}
	sg.MemberCount = max(sg.MemberCount, uint64(len(sg.Members)))
	sg.Type = typeOf(g)
	if g.doing != nil {
		if newer := de.doing(g); newer != nil {
			g.doing = newer // the same function, with newer figures
		}
	}
	sg.RootCause = de.rootCause(g)
	sg.RootCause.Chain = de.inOrderOfCause(g, sg.RootCause.Chain)
	sg.Confidence = sg.RootCause.Confidence
	sg.Kind = g.kind
	sg.Impact = de.spread.impact(g)
	if !g.state.Ended() {
		sg.Predictions = de.measures.predictions(g)
	}
	de.book.recall(g)
	sg.Similar, sg.SimilarCount = g.similar, g.similarCount
	in := de.incidentOf(g, sg)
	sg.RootCause.Summary = in.CauseText()
	sg.Actions = in.Actions()
	sg.Title = in.Title()
	findings = append(findings, sg)
	return append(findings, de.insights(g, sg, in)...)
}

// evidenceOf returns one record for each fact that supports the cause.
func (fs *facts) evidenceOf(g *group) []model.EvidenceRef {
	reason := g.reasonOf(&g.ranking[0])
	facts := append([]*sign{reason}, further(reason, g.ofService(g.cause()))...)
	var list []model.EvidenceRef
	for _, s := range facts {
		if len(s.evidence) > 0 {
			ref := s.evidence[0]
			ref.Description = fs.say(s)
			list = append(list, ref)
		}
	}
	return list
}

// inOrderOfCause leaves out links whose effect began before its cause, and moves the time of the
// others to the cause's at the earliest.
func (de *describer) inOrderOfCause(g *group, links []model.CausalLink) []model.CausalLink {
	onsets := map[string]model.Nanos{}
	for _, r := range g.ranking {
		onsets[r.service] = r.onset
	}
	links = slices.DeleteFunc(links, func(l model.CausalLink) bool { return l.Onset+together < onsets[l.Cause.Name] })
	for i := range links {
		links[i].Onset = max(links[i].Onset, onsets[links[i].Cause.Name])
		onsets[links[i].Effect.Name] = max(onsets[links[i].Effect.Name], links[i].Onset)
	}
	return links
}

// joined is the longest time between two onsets of one incident. An anomaly alone before the others is dated too early.
const joined = 90 * model.Nanos(1e9)

// span returns the time range from the first anomaly that may open an incident to the last one of any
// kind. There is always one of the former.
func (g *group) span() model.TimeRange {
	var onsets []model.Nanos
	for _, s := range g.members {
		if s.opening() && s.strength >= baseline.AlarmStrength/2 && s.onset < g.opened {
			onsets = append(onsets, s.onset)
		}
	}
	slices.Sort(onsets)
	start := g.opened
	for _, onset := range slices.Backward(onsets) {
		if start-onset > joined {
			break
		}
		start = onset
	}
	end := g.last
	if g.over != 0 {
		end = g.over
	}
	return model.TimeRange{Start: start, End: max(end, start) + 1}
}

// ofService lists the anomalies that count for a service, the strongest first.
func (g *group) ofService(service string) []*sign {
	var list []*sign
	for key, s := range g.members {
		if g.blamed[key] == service {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, strongest)
	return list
}

func sortedEvidence(list []model.EvidenceRef) []model.EvidenceRef {
	slices.SortStableFunc(list, func(a, b model.EvidenceRef) int {
		switch {
		case a.Time != b.Time && a.Time < b.Time:
			return -1
		case a.Time != b.Time:
			return 1
		}
		return strings.Compare(a.ID, b.ID)
	})
	return slices.CompactFunc(list, func(a, b model.EvidenceRef) bool { return a.Kind == b.Kind && a.ID == b.ID })
}

// typeOf returns the type of the incident, from the reason of its cause.
func typeOf(g *group) model.GroupType {
	reason := g.ranking[0].reason
	if g.place != nil && g.place.short != nil {
		return model.GroupResourceExhaustion
	}
	if reason.key.class == classKernel || reason.key.class == classPath {
		reason = g.reasonOf(&g.ranking[0])
	}
	if g.place == nil && g.released() != nil && (reason.key.class == classError || reason.key.class == classSelf) {
		return model.GroupDeployment
	}
	if reason.reported {
		return reason.sort
	}
	switch reason.key.class {
	case classKernel:
		if k := reason.kernel; k != nil && reportsAccess(k.fault) {
			return model.GroupSecurity
		}
		if k := reason.kernel; k != nil {
			return k.rule.Group
		}
		return model.GroupNetwork // lookups of several services fail
	case classSilent:
		return model.GroupFailureCascade
	case classResource:
		return model.GroupResourceExhaustion
	case classEdge:
		return model.GroupNetwork
	case classPath:
		return model.GroupDeployment
	case classError:
		if reportsAccess(reason.key.what) {
			return model.GroupSecurity
		}
		return model.GroupFailureCascade
	default:
		return model.GroupDependency
	}
}

// reportsAccess reports whether an error says that access was denied, in the words of HTTP, gRPC or
// POSIX.
func reportsAccess(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc([]string{
		"permission denied", "permission_denied", "access denied", "unauthorized", "unauthenticated", "forbidden", "eacces", "eperm",
		"authentication failed", "invalid token", "invalid credentials", "bad certificate", "certificate has expired",
	}, func(w string) bool { return strings.Contains(text, w) })
}

func serviceEntity(name string) model.Entity {
	return model.Entity{Kind: model.EntityService, Name: name}
}

// idOf makes the id of a group from its first time and the name of its first service.
func idOf(prefix string, time uint64, name string, n int) string {
	return fmt.Sprintf("%s-%016x-%08x-%d", prefix, time, uint32(hash.Text(hash.Seed, name)), n)
}
