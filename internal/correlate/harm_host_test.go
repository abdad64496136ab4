// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// everySecond calls each for five minutes and counts the groups of each kind that the engine
// reports.
func everySecond(t *testing.T, each func(e *Engine, n int, at model.Nanos)) map[model.GroupKind]int {
	t.Helper()
	e, err := New(Config{})
	require.NoError(t, err)
	kinds := map[model.GroupKind]int{}
	at := begin
	for n := range 300 {
		each(e, n, at)
		at += second
		for _, f := range e.Flush(at) {
			if g, ok := f.(*model.SemanticGroup); ok {
				kinds[g.Kind]++
			}
		}
	}
	return kinds
}

func onDesk(program string) *model.Resource {
	return &model.Resource{Attributes: text("host.name", "desk", semconv.Source, origin.KernelSource, origin.ProgramKey, program)}
}

// A test that ends a server and calls it is refused, which affects no user.
func TestWhoIsRefusedByItselfIsNoIncident(t *testing.T) {
	for caller, kind := range map[string]model.GroupKind{"api": model.GroupObservation, "proxy": model.GroupIncident} {
		t.Run("called by "+caller, func(t *testing.T) {
			kinds := everySecond(t, func(e *Engine, n int, at model.Nanos) {
				peer := text(origin.ProgramKey, caller, "network.peer.address", "127.0.0.1")
				peer = append(peer, model.KeyValue{Key: "network.peer.port", Value: model.IntValue(41349)})
				e.graph.listensUnlessKnown(endpointOf(peer, "network.peer.", "desk"), "api")
				e.graph.call(caller, e.graph.named("api"))
				e.ObserveSpans([]model.Span{{
					TraceID: model.TraceID{1, byte(n), byte(n >> 8)}, SpanID: model.SpanID{1}, Name: "GET", Kind: kindServer, Start: at, End: at + second/100, Resource: onDesk("api"),
				}})
				if n > 150 {
					e.ObserveEvents([]model.Event{{Time: at, Name: semconv.EventTCPConnectFailed, Resource: onDesk(caller), Attributes: append(peer, text("error.type", "ECONNREFUSED")...)}})
				}
			})
			assert.Positive(t, kinds[kind], "%v", kinds)
			if kind != model.GroupIncident {
				assert.Zero(t, kinds[model.GroupIncident], "%v", kinds)
			}
		})
	}
}

// A test that waits for its server to listen is refused until then, which affects no user.
func TestWhoWaitsForAServerToStartIsNoIncident(t *testing.T) {
	for address, kind := range map[string]model.GroupKind{"127.0.0.1": model.GroupObservation, "10.1.2.3": model.GroupIncident} {
		t.Run("at "+address, func(t *testing.T) {
			kinds := everySecond(t, func(e *Engine, n int, at model.Nanos) {
				peer := append(text(origin.ProgramKey, "soak", "network.peer.address", address), model.KeyValue{Key: "network.peer.port", Value: model.IntValue(8081)})
				e.ObserveSpans([]model.Span{{
					TraceID: model.TraceID{1, byte(n), byte(n >> 8)}, SpanID: model.SpanID{1}, Name: "GET", Kind: kindServer, Start: at, End: at + second/100, Resource: onDesk("soak"),
				}})
				if n > 150 {
					e.ObserveEvents([]model.Event{{Time: at, Name: semconv.EventTCPConnectFailed, Resource: onDesk("soak"), Attributes: append(peer, text("error.type", "ECONNREFUSED")...)}})
				}
			})
			assert.Positive(t, kinds[kind], "%v", kinds)
			if kind != model.GroupIncident {
				assert.Zero(t, kinds[model.GroupIncident], "%v", kinds)
			}
		})
	}
}

// System calls return errors as a matter of course: their count shows what a program does.
func TestErrorsOfSystemCallsOpenNothing(t *testing.T) {
	kind, _ := kindOf(&model.Metric{Name: semconv.MetricSyscallErrors, Unit: "{call}", Type: model.MetricSum}, false)
	assert.Equal(t, classLoad, kind)
	kind, _ = kindOf(&model.Metric{Name: "http.server.errors", Unit: "{request}", Type: model.MetricSum}, false)
	assert.Equal(t, classSymptom, kind)
}

// Where threads wait for a CPU, a system call is long because its thread does.
func TestSlowCallsWhereThreadsWaitForCPUsAreNoIncident(t *testing.T) {
	for waiting, kind := range map[float64]model.GroupKind{0.1: model.GroupIncident, 20: model.GroupObservation} {
		t.Run("", func(t *testing.T) {
			var c *cpus
			kinds := everySecond(t, func(e *Engine, n int, at model.Nanos) {
				w := &world{e: e, at: at}
				if c == nil {
					c = newCPUs(w, "desk")
					c.waits = map[string]float64{"indexer": waiting / 2, "compile": waiting / 2}
				}
				if n%10 == 9 {
					c.report(w)
				}
				e.graph.call("web", e.graph.named("indexer"))
				if n > 150 {
					e.ObserveEvents([]model.Event{{
						Time: at, Name: semconv.EventSyscallSlow, Resource: onDesk("indexer"),
						Attributes: append(text(origin.ProgramKey, "indexer", semconv.SyscallName, "pread64"), model.KeyValue{Key: semconv.SyscallDuration, Value: model.DoubleValue(1.2)}),
					}})
				}
			})
			assert.Positive(t, kinds[kind], "%v threads wait: %v", waiting, kinds)
			if kind != model.GroupIncident {
				assert.Zero(t, kinds[model.GroupIncident], "%v", kinds)
			}
		})
	}
}

// A test that starts a server, and breaks it, harms no one who depends on it.
func TestWhatRunsForAMomentIsNoIncident(t *testing.T) {
	for starts, kind := range map[int]model.GroupKind{0: model.GroupIncident, 170: model.GroupObservation} {
		t.Run("", func(t *testing.T) {
			const fails, ends = 190, 215
			kinds := everySecond(t, func(e *Engine, n int, at model.Nanos) {
				if n < starts || n > ends {
					return
				}
				if n == ends {
					lived := model.KeyValue{Key: semconv.ProcessDuration, Value: model.DoubleValue(float64(ends - starts))}
					e.ObserveEvents([]model.Event{{Time: at, Name: semconv.EventProcessExit, Resource: onDesk("api"), Attributes: append(text(origin.ProgramKey, "api"), lived)}})
					return
				}
				for i := range 10 {
					span := model.Span{
						TraceID: model.TraceID{byte(i + 1), byte(n), byte(n >> 8)}, SpanID: model.SpanID{1}, Name: "GET", Kind: kindServer, Start: at, End: at + second/100, Resource: onDesk("api"),
					}
					if n > fails && i < 5 {
						span.StatusCode = model.StatusError
					}
					e.ObserveSpans([]model.Span{span})
				}
			})
			assert.Equal(t, kind == model.GroupIncident, kinds[model.GroupIncident] > 0, "%v", kinds)
		})
	}
}

// The workers of a server end as they like; the server is no command.
func TestAServerWhoseWorkersEndIsNoCommand(t *testing.T) {
	for parent, command := range map[string]bool{"postgres": false, "bash": true} {
		s := newShop(t, Config{})
		for n := range 80 {
			if n%10 == 9 {
				s.e.ObserveEvents([]model.Event{{Time: s.at, Name: semconv.EventProcessExit, Resource: onDesk("postgres"), Attributes: append(text(origin.ProgramKey, "postgres"),
					model.KeyValue{Key: semconv.ProcessAncestorNames, Value: model.ArrayValue(model.StringValue(parent))},
					model.KeyValue{Key: semconv.ProcessDuration, Value: model.DoubleValue(0.2)},
				)}})
			}
			s.run(1)
		}
		assert.Equal(t, command, s.e.topology.fleeting("postgres"), parent)
	}
}

// A command that calls a database answers no requests: that it ends is no loss of traffic.
func TestACommandThatEndsLosesNoTraffic(t *testing.T) {
	kinds := everySecond(t, func(e *Engine, n int, at model.Nanos) {
		calls := 100
		if n > 200 {
			calls = 1
		}
		for i := range calls {
			e.ObserveSpans([]model.Span{{
				TraceID: model.TraceID{byte(i + 1), byte(n), byte(n >> 8)}, SpanID: model.SpanID{1}, Name: "SELECT", Kind: kindClient, Start: at, End: at + second/1000,
				Resource: onDesk("pgbench"), Attributes: text("peer.service", "postgres"),
			}})
		}
	})
	assert.Zero(t, kinds[model.GroupIncident], "%v", kinds)
}
