// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// describe tells a group: its correlations, itself, and what to tell people.
func (e *Engine) describe(g *group) []model.Finding {
	signs := g.signs()
	sg := &model.SemanticGroup{
		FindingIdentity: model.FindingIdentity{ID: g.id, Revision: g.revision, Time: e.now},
		State:           g.state,
		MergedInto:      g.into,
		SplitFrom:       g.from,
		Range:           g.span(),
		Services:        g.services(),
	}
	var findings []model.Finding
	for _, c := range e.correlate(g, signs) {
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
	sg.RootCause = e.rootCause(g, signs)
	sg.Confidence = sg.RootCause.Confidence
	sg.Impact = e.impact(g)
	sg.Predictions = e.predictions(g)
	sg.Actions = actions(g, sg.Type)
	sg.Title = title(g)
	findings = append(findings, sg)
	return append(findings, e.insights(g, sg)...)
}

// span is from the first sign that may open an incident, which there is one of,
// to the last.
func (g *group) span() model.TimeRange {
	start := g.opened
	for _, s := range g.members {
		if s.telling() && s.strength >= alarmStrength/2 {
			start = min(start, s.onset)
		}
	}
	return model.TimeRange{Start: start, End: max(g.last, start) + 1}
}

func (g *group) services() []string {
	list := make([]string, 0, len(g.ranking))
	for _, r := range g.ranking {
		list = append(list, r.service)
	}
	slices.Sort(list)
	return list
}

// ofService lists the signs that count for a service, the strongest first.
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

// typeOf tells the sort of incident by the strongest reason of its cause.
func typeOf(g *group) model.GroupType {
	reason := g.ranking[0].reason
	if reason.key.class == classKernel {
		reason = g.reasonOf(&g.ranking[0])
	}
	if g.place == nil && g.released() != nil && (reason.key.class == classError || reason.key.class == classSelf) {
		return model.GroupDeployment
	}
	switch reason.key.class {
	case classKernel:
		if k := reason.kernel; k != nil && tellsOfAccess(k.fault) {
			return model.GroupSecurity
		}
		return typeOfKernel(strings.TrimPrefix(reason.event, "tapio."))
	case classSilent:
		return model.GroupFailureCascade
	case classResource:
		return model.GroupResourceExhaustion
	case classEdge:
		return model.GroupNetwork
	case classPath:
		return model.GroupDeployment
	case classError:
		if tellsOfAccess(reason.key.what) {
			return model.GroupSecurity
		}
		return model.GroupFailureCascade
	default:
		return model.GroupDependency
	}
}

// tellsOfAccess reports whether an error says that somebody may not do what they
// tried, by the words of the HTTP, gRPC and POSIX errors for it.
func tellsOfAccess(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc([]string{
		"permission denied", "permission_denied", "access denied", "unauthorized", "unauthenticated", "forbidden", "eacces", "eperm",
		"authentication failed", "invalid token", "invalid credentials", "bad certificate", "certificate has expired",
	}, func(w string) bool { return strings.Contains(text, w) })
}

func typeOfKernel(event string) model.GroupType {
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(event, w) })
	}
	switch {
	case has("exec"):
		return model.GroupSecurity
	case has("oom", "throttl", "io.", "block", "sched", "slow"):
		return model.GroupResourceExhaustion
	case has("retransmit", "connect", "refused", "reset", "dns"):
		return model.GroupNetwork
	default:
		return model.GroupFailureCascade
	}
}

// firstSentence says a sign in few words.
func firstSentence(s *sign) string {
	service := s.key.service
	switch s.key.class {
	case classKernel, classSilent:
		return cmp.Or(s.brief, s.text)
	case classResource:
		if s.brief != "" {
			return s.brief
		}
		return fmt.Sprintf("%s: %s at %s", service, resourceWord(s.key.what), quantity(s.after, s.unit))
	case classEdge:
		return fmt.Sprintf("Network between %s and %s slow: %s per call", s.key.peer, service, millis(s.after))
	case classPath:
		return cmp.Or(s.brief, service+" skips a usual step: "+s.key.what)
	case classError:
		if s.brief != "" {
			return s.brief
		}
		if s.key.what == "fails" {
			return fmt.Sprintf("%s fails in %s: %s of its runs", service, s.key.peer, percent(s.after))
		}
		return service + " fails: " + message(s.key.what)
	case classSelf:
		return fmt.Sprintf("%s slow in %s: %s", service, s.key.what, millis(s.after))
	default:
		return cmp.Or(s.brief, service+": "+s.key.what+" unusual")
	}
}

func resourceWord(metric string) string {
	for _, word := range [...]string{"cpu", "memory", "disk", "filesystem", "volume"} {
		if strings.Contains(metric, word) {
			if word == "cpu" {
				return "CPU use"
			}
			return capital(word) + " use"
		}
	}
	return metric
}

func serviceEntity(name string) model.Entity {
	return model.Entity{Kind: model.EntityService, Name: name}
}

// idOf names a group by the time and the name that it begins with.
func idOf(prefix string, time uint64, name string, n int) string {
	return fmt.Sprintf("%s-%016x-%08x-%d", prefix, time, uint32(hashText(14695981039346656037, name)), n)
}
