// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// What sends no spans of its own is known by those who call it: a database, a queue,
// an external host. How long a call takes and whether it fails is evidence on the callee.
// Each statement has a baseline of its own, for a report is no slow lookup.

const (
	dependencyCost = 3072 // bytes of a statement with its baselines and names
	maxReason      = 120  // bytes of how a call failed
)

// dependencyKey names a statement; without one it is all that a caller asks of a callee
// that sends spans.
type dependencyKey struct{ caller, callee, statement string }

type dependency struct {
	key      dependencyKey
	tail     baseline.Tail
	failures baseline.Shares
	habit    baseline.Habit
	drift    baseline.Drift
	lag      bool   // it is how long messages wait
	reason   string // of the newest failure
	evidence ring
	failed   ring // evidence of failures
}

func (g *graph) dependency(caller, callee, statement string) *dependency {
	key := dependencyKey{caller, callee, statement}
	if found := g.dependencies.get(key); found != nil {
		return *found
	}
	key = dependencyKey{kept(caller), kept(callee), kept(statement)}
	return *g.dependencies.put(key, &dependency{key: key})
}

// called learns from a call that nothing answers for, for the callee sends no spans.
func (e *Engine) called(id model.TraceID, client *execution, callee string, slot int64, weight float32) {
	d := e.graph.dependency(client.op.key.service, callee, client.op.key.name)
	took := client.end - min(client.start, client.end)
	if client.instance.warm(client.start) {
		d.tail.Take(slot, baseline.Logarithm(uint64(took)), weight)
		d.drift.Take(int64(client.end/hour), baseline.Logarithm(uint64(took)), weight)
	}
	ref := reference{trace: id, span: client.id, time: client.start}
	d.evidence.add(ref)
	d.answered(client, slot, weight, ref)
}

// answered counts whether a call failed on its way.
func (d *dependency) answered(client *execution, slot int64, weight float32, ref reference) {
	c := baseline.Count{N: weight}
	if client.failed {
		c.Hits = weight
		d.reason = cmp.Or(client.reason, d.reason)
		d.failed.add(ref)
	}
	d.failures.Observe(slot, c)
}

// waited is the largest weight of the anomalies that callers wait for the candidate, which
// sends no spans, at that time or later. Callers that give up waiting fail.
func (s *suspect) waited(since model.Nanos) float64 {
	most := 0.0
	for _, g := range s.signs {
		if g.dependency && g.key.class == classSelf && (g.until == 0 || g.until >= since) {
			most = max(most, g.weight())
		}
	}
	return most
}

// blamedBy is how far the candidate explains that a caller fails: fully where the errors
// of the caller name it, otherwise as far as callers wait for it.
func (s *suspect) blamedBy(caller *suspect, since model.Nanos) float64 {
	own := caller.best[classError]
	if own != nil && own.from == "" && s.weightIn(since, classKernel, classPath, classError, classSelf, classEdge) > 0 && own.complainsOf(s.service) {
		return maxStrength
	}
	return s.waited(since)
}

// complainsOf reports whether an error names the service.
func (s *sign) complainsOf(service string) bool {
	const leastName = 3
	return len(service) >= leastName && (strings.Contains(s.quote, service) || strings.Contains(s.key.what, service))
}

// reasonOf is how a span failed, by its status, its attributes or the exception that it
// recorded.
func reasonOf(s *model.Span) string {
	reason := s.StatusMessage
	for i := len(s.Events) - 1; i >= 0 && reason == ""; i-- {
		if s.Events[i].Name == "exception" {
			reason = firstOf(s.Events[i].Attributes, semconv.ExceptionMessage, semconv.ExceptionType)
		}
	}
	kind := firstOf(s.Attributes, semconv.ErrorType, semconv.RPCGrpcStatusCode, semconv.HTTPResponseStatusCode, semconv.HTTPStatusCode, semconv.DBResponseStatusCode)
	if reason == "" {
		reason = kind
	}
	reason, _, _ = strings.Cut(reason, "\n")
	return strings.Clone(clipped(reason, maxReason))
}
