// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"regexp"
	"slices"
	"strings"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// This file alone says how an answer of the API is read: which groups page a
// person, which entity a cause names, and which mechanism.

// pages reports whether a group, in one revision, would wake a person: it was not
// taken up by another group, and is neither an observation nor a planned change.
func pages(g *tapiov1.SemanticGroup) bool {
	switch g.GetKind() {
	case tapiov1.SemanticGroup_KIND_OBSERVATION, tapiov1.SemanticGroup_KIND_CHANGE:
		return false
	}
	return g.GetState() != tapiov1.SemanticGroup_STATE_MERGED
}

// over reports whether a group says that it is over.
func over(g *tapiov1.SemanticGroup) bool {
	return g.GetState() == tapiov1.SemanticGroup_STATE_RESOLVED || g.GetState() == tapiov1.SemanticGroup_STATE_CLOSED
}

// candidate is what a causal factor names.
type candidate struct {
	names  []string // the entity itself
	narrow []string // the first replica, process or node within it
}

func candidates(g *tapiov1.SemanticGroup) []candidate {
	var list []candidate
	for _, factor := range g.GetRootCause().GetCausalFactors() {
		list = append(list, candidateOf(factor))
	}
	return list
}

// identities are the attributes that name a replica.
func identities() []string {
	return []string{"k8s.pod.name", "service.instance.id", "server.address", "network.peer.address", "service.version", "tenant.id", "feature_flag.key"}
}

func candidateOf(f *tapiov1.CausalFactor) candidate {
	e := f.GetEntity()
	c := candidate{names: []string{e.GetName()}}
	if service := e.GetAttributes()["service.name"]; service != "" && e.GetKind() != tapiov1.Entity_KIND_NODE {
		c.names = append(c.names, service)
	}
	for _, key := range identities() {
		if v := e.GetAttributes()[key]; v != "" {
			c.narrow = append(c.narrow, v)
		}
	}
	seen := map[tapiov1.Entity_Kind]bool{}
	for _, in := range f.GetWithin() {
		if !seen[in.GetKind()] && in.GetKind() != tapiov1.Entity_KIND_NODE { // a node is only the cause if it is named as it
			c.narrow = append(c.narrow, in.GetName(), in.GetAttributes()["service.instance.id"])
		}
		seen[in.GetKind()] = true
	}
	return c
}

// matches reports whether the candidate is one of the right entities. Names are
// compared without regard to case; "postgres.data.svc" is "postgres".
func (c candidate) matches(right []string, narrow bool) bool {
	named := c.names
	if narrow || len(right) > 1 {
		named = append(slices.Clone(named), c.narrow...)
	}
	return slices.ContainsFunc(named, func(name string) bool {
		return name != "" && slices.ContainsFunc(right, func(r string) bool { return sameName(name, r) })
	})
}

func sameName(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	if a == b {
		return true
	}
	return inCluster(a) == inCluster(b)
}

// inCluster cuts what Kubernetes adds to the name of a service.
func inCluster(name string) string {
	if at := strings.Index(name, ".svc"); at > 0 {
		name, _, _ = strings.Cut(name[:at], ".")
	}
	return strings.TrimSuffix(name, ".internal")
}

// mechanism is a class of causes, and the words by which a title names it.
type mechanism struct {
	class string
	words *regexp.Regexp
}

// mechanisms are looked for in this order. A title may name several.
func mechanisms() []mechanism {
	is := func(class, words string) mechanism {
		return mechanism{class, regexp.MustCompile(`(?i)\b(` + words + `)`)}
	}
	return []mechanism{
		is("release", `release|rollout|rolled out|deploy|version|canary`),
		is("configuration", `config`),
		is("flag", `feature flag|flag `),
		is("certificate", `certificate|x509|tls`),
		is("dns", `dns|name server|resolv|lookup|name resolution`),
		is("pool", `connection pool|pool`),
		is("lock", `lock`),
		is("lag", `lag|backlog|behind|waiting messages|messages wait|consumes? nothing|not consumed`),
		is("disk", `disk|file ?system|volume|no space`),
		is("memory", `memory|heap|oom`),
		is("cpu", `cpu|throttl`),
		is("clock", `clock|skew`),
		is("retries", `retr(y|ies)`),
		is("overload", `overload|saturat|too many requests|rejects`),
		is("restart", `restart|crash|exits?\b|killed|starts again`),
		is("unavailable", `refuse[sd]?|unavailable|unreachable|not reachable|cannot be reached|does not answer|\bdown\b|is gone|no longer answers|timed? ?out|timing out`),
		is("network", `network|packets?|retransmit|link\b|way to|connection to`),
		is("zone", `zone`),
		is("node", `node|host\b`),
		is("traffic", `traffic|fewer requests|requests (fell|dropped|grew|rose)|request rate|load `),
		is("slow", `slow(er|s)?|latency|take[s]? longer|takes?\b.*\b(m?s|seconds|minutes)\b|duration`),
		is("errors", `fail(s|ed|ing|ure)?|errors?|exception|returns? 5\d\d|5\d\d`),
	}
}

// mechanismsOf returns the classes that a group names: those in its title; where
// there are none, those in the reason of its first cause. The quoted texts of log
// lines do not count.
func mechanismsOf(g *tapiov1.SemanticGroup) []string {
	factors := g.GetRootCause().GetCausalFactors()
	found := classesIn(strings.TrimPrefix(g.GetTitle(), "Resolved ")) // that is no name which resolves
	if len(found) == 0 && len(factors) > 0 {
		found = classesIn(factors[0].GetReason())
	}
	return found
}

func classesIn(text string) (found []string) {
	for _, m := range mechanisms() {
		if m.words.MatchString(text) {
			found = append(found, m.class)
		}
	}
	return found
}

// rightMechanism: a class that is right is named, and the type of the group is not
// one that rules it out.
func rightMechanism(g *tapiov1.SemanticGroup, right []string) bool {
	if g.GetType() == tapiov1.SemanticGroup_TYPE_NETWORK && !slices.ContainsFunc(right, func(r string) bool {
		return slices.Contains([]string{"network", "dns", "unavailable", "zone", "certificate"}, r)
	}) {
		return false
	}
	return slices.ContainsFunc(mechanismsOf(g), func(m string) bool { return slices.Contains(right, m) })
}

// impactOf returns the shares of requests that failed, and that failed or were slow.
func impactOf(g *tapiov1.SemanticGroup) (failed, affected float64) {
	i := g.GetImpact()
	return i.GetErrorRatio(), i.GetAffectedRequestRatio()
}
