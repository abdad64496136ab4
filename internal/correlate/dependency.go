// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/failure"
	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// A database, a queue or an external host sends no spans; it is known from the spans of its callers.
// How long calls take, and whether they fail, is evidence about the callee. Each statement has a
// baseline of its own, because a report takes longer than a lookup.

const (
	dependencyCost = 3072 // bytes of a statement with its baselines and names
	maxReason      = 120  // most bytes of the reason why a call failed
)

// dependencyKey identifies a statement. An empty statement stands for all calls from a caller to a
// callee that sends spans.
type dependencyKey struct{ caller, callee, statement string }

type dependency struct {
	key      dependencyKey
	tail     baseline.Tail
	failures baseline.Shares
	habit    baseline.Habit
	drift    baseline.Drift
	lag      bool   // the duration is the time that messages wait in a queue
	reason   string // why the newest failed call failed
	address  string // that the newest failed calls name, "" for none
	named    int    // failed calls in a row that name it
	evidence ring
	failed   ring // exemplars of failed calls
}

func (g *graph) dependency(caller, callee, statement string) *dependency {
	key := dependencyKey{caller, callee, statement}
	if found := g.dependencies.Get(key); found != nil {
		return *found
	}
	key = dependencyKey{bound.Copy(caller), bound.Copy(callee), bound.Copy(statement)}
	return *g.dependencies.Put(key, &dependency{key: key})
}

// called learns from a client span without a server span, of a callee that sends no spans.
func (l *learner) called(id model.TraceID, client *execution, callee string, slot int64, weight float32) {
	d := l.graph.dependency(client.op.key.service, callee, client.op.key.name)
	took := client.end - min(client.start, client.end)
	if client.instance.warm(client.start) {
		d.tail.Take(slot, baseline.Logarithm(uint64(took)), weight)
		d.drift.Take(int64(client.end/hour), baseline.Logarithm(uint64(took)), weight)
	}
	ref := reference{trace: id, span: client.id, time: client.start}
	d.evidence.add(ref)
	d.answered(client, slot, weight, ref)
}

// answered counts a call, and whether it failed at the client.
func (d *dependency) answered(client *execution, slot int64, weight float32, ref reference) {
	c := baseline.Count{N: weight}
	if client.failed {
		c.Hits = weight
		d.reason = cmp.Or(client.reason, d.reason)
		d.fails(addressIn(client.reason))
		d.failed.add(ref)
	}
	d.failures.Observe(slot, c)
}

// fails notes the address that a failed call names.
func (d *dependency) fails(address string) {
	if address != d.address {
		d.address, d.named = bound.Copy(address), 0
	}
	d.named++
}

// addressIn returns the IP address that a call was made to, from a message such as “dial tcp 10.0.0.7:8080: i/o
// timeout” or “read tcp 10.0.0.1:3000->10.0.0.7:8080: connection reset”; "" for none. The address in a message
// about a name that is not resolved is that of the name server. On loopback all programs of a host have one address.
func addressIn(message string) (address string) {
	if failure.ClassOf(message) == failure.Name {
		return ""
	}
	for word := range strings.FieldsFuncSeq(message, func(r rune) bool { return strings.ContainsRune(" '\"()=,;/>", r) }) {
		word = strings.TrimRight(word, ".:-")
		if strings.HasPrefix(word, "::1:") { // as Node.js writes the loopback address and a port
			word = "::1"
		}
		if at, err := netip.ParseAddrPort(word); err == nil {
			address = ofOneProgram(at.Addr())
		} else if at, err := netip.ParseAddr(word); err == nil {
			address = ofOneProgram(at)
		}
	}
	return address
}

// ofOneProgram is an address as text, "" for one that many programs share.
func ofOneProgram(at netip.Addr) string {
	if at.IsLoopback() || at.IsUnspecified() {
		return ""
	}
	return at.String()
}

// partial is the least share of calls that others must still answer for an address to be a part of a service.
const partial = 0.05

// instanceAt returns the instance of a service at the only address that failing calls name, while other calls
// succeed; nil for none, and for a service of which fewer than two instances are known.
func instanceAt(t *topology, d *dependency, failing float64) *slice {
	instances := t.graph.instancesOf(d.key.callee, t.placedSince())
	if d.address == "" || d.named < minSlice || failing > 1-partial || len(instances) < 2 {
		return nil
	}
	part := &slice{kind: model.EntityProcess, key: semconv.NetworkPeerAddress, name: d.address, of: 1, all: len(instances), share: failing}
	for _, i := range instances {
		if i.address == d.address {
			part.pod, part.node, part.zone = i.pod, i.node, i.zone
		}
	}
	return part
}

// waited returns the largest weight of anomalies "callers wait for the candidate", which sends no
// spans, since a time. Callers that stop waiting fail.
func (s *suspect) waited(since model.Nanos) float64 {
	most := 0.0
	for _, g := range s.signs {
		if g.dependency && g.key.class == classSelf && (g.until == 0 || g.until >= since) {
			most = max(most, g.weight())
		}
	}
	return most
}

// blamedBy returns how far the candidate explains that a caller fails: completely if the caller's
// errors name it, else as far as callers wait for it.
func (s *suspect) blamedBy(caller *suspect, since model.Nanos) float64 {
	own := caller.best[classError]
	if own != nil && own.from == "" && s.weightIn(since, classKernel, classPath, classError, classSelf, classEdge) > 0 && own.complainsOf(s.service) {
		return baseline.MaxStrength
	}
	return s.waited(since)
}

// complainsOf reports whether an error names the service.
func (s *sign) complainsOf(service string) bool {
	const leastName = 3
	return len(service) >= leastName && (strings.Contains(s.quote, service) || strings.Contains(s.key.what, service))
}

// reasonOf returns why a span failed: from its status message, its attributes, or the exception that
// it recorded.
func reasonOf(s *model.Span) string {
	reason := s.StatusMessage
	for i := len(s.Events) - 1; i >= 0 && reason == ""; i-- {
		if s.Events[i].Name == "exception" {
			reason = s.Events[i].Attributes.FirstText(semconv.ExceptionMessage, semconv.ExceptionType)
		}
	}
	kind := s.Attributes.FirstText(semconv.ErrorType, semconv.RPCGrpcStatusCode, semconv.HTTPResponseStatusCode, semconv.HTTPStatusCode, semconv.DBResponseStatusCode)
	if reason == "" {
		reason = kind
	}
	reason, _, _ = strings.Cut(reason, "\n")
	return strings.Clone(bound.Text(reason, maxReason))
}

// A cache keeps load from the databases behind it. While it is away, and until it is filled again, its callers
// ask the databases instead, which become slow: the cache is the cause.

// findCaches notes, for each dependency that is slow, the cache whose failure explains it: one that refuses
// connections, and that shares a caller with it. What an incident has explained so stays explained, for it
// lasts longer than the cache is away.
func findCaches(r *ranker, byName map[string]*suspect) {
	for _, g := range slices.Concat(r.book.groups, r.book.resolved) {
		for _, s := range g.signs() {
			if g.into != "" || !failingCache(r.graph, s) || s.key.service != g.cause() {
				continue
			}
			for _, of := range byName {
				if of.onlyWaitedFor() && slices.ContainsFunc(of.signs, func(o *sign) bool { return o.opening() && g.members[o.key] != nil }) {
					of.cache = g.cause()
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		for _, s := range byName[name].signs {
			if !failingCache(r.graph, s) {
				continue
			}
			for _, of := range byName {
				if of.service != name && near(s.onset, of.onset) && of.onlyWaitedFor() && shareCaller(r.graph, name, of.service) {
					of.cache = name
				}
			}
		}
	}
}

// failingCache reports whether the anomaly is that a cache refuses connections.
func failingCache(g *graph, s *sign) bool { return stopsServing(s) && isCache(g, s.key.service) }

// stopsServing reports whether the anomaly is that calls of a dependency are refused.
func stopsServing(s *sign) bool {
	return s.opening() && s.strength >= baseline.HintStrength && (s.reports(kernelrule.ConnectFailure) || s.key.class == classError && s.dependency && failure.ClassOf(s.quote) == failure.Refused)
}

// onlyWaitedFor reports whether a candidate is a dependency of which its callers alone show that it is slow.
func (s *suspect) onlyWaitedFor() bool {
	return s.waited(0) > 0 && !slices.ContainsFunc(s.signs, func(g *sign) bool { return g.opening() && (!g.dependency || stopsServing(g)) })
}

// shareCaller reports whether a service calls both.
func shareCaller(g *graph, a, b string) bool {
	for key := range g.calls.All() {
		if key.callee == a && g.calls.Peek(callKey{caller: key.caller, callee: b}) != nil {
			return true
		}
	}
	return false
}
