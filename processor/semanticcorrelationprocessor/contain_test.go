// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tapio/tapio/internal/correlate"
	"github.com/tapio/tapio/internal/model"
)

// broken is an engine that panics in all that it is asked.
type broken struct{}

func (broken) ObserveEvents([]model.Event) []correlate.Mark      { panic("events") }
func (broken) ObserveSpans([]model.Span) []correlate.Mark        { panic("spans") }
func (broken) ObservePointBatch(*model.PointBatch)               { panic("points") }
func (broken) ObserveProfiles([]model.Profile)                   { panic("profiles") }
func (broken) ObserveGroup(*model.SemanticGroup, string, string) { panic("group") }
func (broken) MergedInto(string) string                          { panic("merged into") }
func (broken) Saw(model.Nanos, model.Nanos)                      {}
func (broken) Interest() correlate.Interest                      { panic("interest") }
func (broken) Flush(model.Nanos) []model.Finding                 { panic("flush") }
func (broken) Open() []string                                    { panic("open") }
func (broken) Close() []model.Finding                            { panic("close") }
func (broken) Stats() correlate.Stats                            { panic("stats") }

// statusHost keeps the status that is reported to it.
type statusHost struct {
	mu     sync.Mutex
	events []*componentstatus.Event
}

func (*statusHost) GetExtensions() map[component.ID]component.Component { return nil }

func (h *statusHost) Report(event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, event)
}

func (h *statusHost) statuses() (list []componentstatus.Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, event := range h.events {
		list = append(list, event.Status())
	}
	return list
}

// faulty are pipelines whose engine is broken once; the next one is sound.
func faulty(t *testing.T) (p *pipelines, host *statusHost, logged *observer.ObservedLogs) {
	t.Helper()
	p, host = newPipelines(t), &statusHost{}
	core, logged := observer.New(zap.ErrorLevel)
	e := p.logs.engine
	e.health.logger, e.thinking = zap.New(core), broken{}
	e.rebuild = func() (thinker, error) { return p.brain, nil }
	for _, c := range []component.Component{p.metrics, p.traces, p.logs} {
		require.NoError(t, c.Start(t.Context(), host))
	}
	return p, host, logged
}

func someSpans() ptrace.Traces {
	spans := ptrace.NewTraces()
	span := spans.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID([16]byte{1})
	return spans
}

func somePoints() pmetric.Metrics {
	points := pmetric.NewMetrics()
	m := points.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetEmptyGauge().DataPoints().AppendEmpty().SetDoubleValue(1)
	return points
}

func TestAPanicOfTheEngineDoesNotKeepDataBack(t *testing.T) {
	for name, send := range map[string]func(*pipelines) error{
		"logs":    func(p *pipelines) error { return p.logs.ConsumeLogs(t.Context(), records(time.Now(), "one")) },
		"traces":  func(p *pipelines) error { return p.traces.ConsumeTraces(t.Context(), someSpans()) },
		"metrics": func(p *pipelines) error { return p.metrics.ConsumeMetrics(t.Context(), somePoints()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, host, logged := faulty(t)
				require.NoError(t, send(p))
				assert.Equal(t, 1, p.sink.LogRecordCount()+p.spans.SpanCount()+p.points.DataPointCount(), "it is passed on")
				assert.EqualValues(t, 1, p.logs.engine.health.count.Total())
				assert.Same(t, p.brain, p.logs.engine.thinking, "a fresh engine takes over")
				require.Equal(t, 1, logged.Len())
				assert.Contains(t, logged.All()[0].ContextMap()["stack"], "contain_test.go")

				time.Sleep(2 * flushEvery)
				synctest.Wait()
				assert.Equal(t, []componentstatus.Status{
					componentstatus.StatusRecoverableError, componentstatus.StatusRecoverableError, componentstatus.StatusRecoverableError,
				}, host.statuses(), "of each pipeline")

				require.NoError(t, send(p), "the next batch is seen by the fresh engine")
				assert.EqualValues(t, 1, p.logs.engine.health.count.Total())
				time.Sleep(recoveredAfter)
				synctest.Wait()
				assert.Equal(t, componentstatus.StatusOK, host.statuses()[5])
				p.shutdown(t)
			})
		})
	}
}

// Conclusions are drawn in a goroutine of the processor's own.
func TestAPanicWhileConclusionsAreDrawnEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, host, _ := faulty(t)
		p.logs.engine.mu.Lock()
		p.logs.engine.clock.see("", 0, model.Nanos(time.Now().UnixNano()), time.Now())
		p.logs.engine.mu.Unlock()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		assert.EqualValues(t, 1, p.logs.engine.health.count.Total())
		assert.NotEmpty(t, p.brain.flushed(), "the fresh engine concludes")
		assert.Len(t, host.statuses(), 3)
		p.shutdown(t)
	})
}

// A batch that the engine cannot bear is sent again and again.
func TestEachPanicCountsAndOneStackIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, logged := faulty(t)
		p.logs.engine.rebuild = func() (thinker, error) { return broken{}, nil }
		for range 5 {
			require.NoError(t, p.logs.ConsumeLogs(t.Context(), records(time.Now(), "one")))
		}
		assert.Equal(t, 5, p.sink.LogRecordCount())
		assert.EqualValues(t, 5, p.logs.engine.health.count.Total())
		assert.Equal(t, 1, logged.Len())
		assert.Zero(t, p.logs.engine.stats(), "figures that cannot be had are none")
		p.shutdown(t)
	})
}

// panicking is a logs pipeline that panics.
type panicking struct{ consumer.Logs }

func (panicking) ConsumeLogs(context.Context, plog.Logs) error { panic("exporter") }

func TestAPanicOfThePipelineDropsFindingsCountedly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipelines(t)
		p.logs.engine.outbox.outlets[0] = panicking{p.sink}
		p.start(t)
		require.NoError(t, p.traces.ConsumeTraces(t.Context(), someSpans()))
		p.logs.engine.mu.Lock()
		p.logs.engine.clock.see("", 0, model.Nanos(time.Now().UnixNano()), time.Now())
		p.logs.engine.mu.Unlock()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		assert.Positive(t, p.logs.engine.outbox.dropped[reasonRefused])
		assert.Positive(t, p.logs.engine.health.count.Total())
		p.logs.next = p.logs.engine.outbox.outlet()
		p.shutdown(t)
	})
}
