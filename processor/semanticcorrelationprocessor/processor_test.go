// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/tapio/tapio/internal/correlate"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/processor/semanticcorrelationprocessor/internal/metadata"
)

// brain is an engine that marks the second record of a batch and finds one group
// at each flush.
type brain struct {
	mu      sync.Mutex
	events  []string // bodies seen
	spans   int
	points  int
	flushes []model.Nanos
	closed  bool

	observed []string // groups of other engines, with their nodes
	into     string   // the group that they are part of
}

func (b *brain) mark(n int) []correlate.Mark {
	if n < 2 {
		return nil
	}
	return []correlate.Mark{{Index: 1, GroupID: "g-1", UID: "uid-1", Template: "took <*> ms"}}
}

func (b *brain) ObserveEvents(events []model.Event) []correlate.Mark {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range events {
		b.events = append(b.events, strings.Clone(events[i].Body.Str()))
	}
	return b.mark(len(events))
}

func (b *brain) ObserveSpans(spans []model.Span) []correlate.Mark {
	b.spans += len(spans)
	return b.mark(len(spans))
}

func (b *brain) ObservePointBatch(batch *model.PointBatch) { b.points += len(batch.Points) }
func (b *brain) ObserveProfiles([]model.Profile)           {}

func (*brain) Saw(model.Nanos, model.Nanos) {}

func (*brain) Interest() correlate.Interest { return correlate.Interest{} }

func (b *brain) Flush(now model.Nanos) []model.Finding {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flushes = append(b.flushes, now)
	return []model.Finding{&model.SemanticGroup{
		FindingIdentity: model.FindingIdentity{ID: "g-1", Revision: uint64(len(b.flushes)), Time: now}, Title: "all is lost",
	}}
}

// flushed is when the engine was asked.
func (b *brain) flushed() []model.Nanos {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.flushes)
}

// Open lists the group as long as it was not closed.
func (b *brain) Open() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.flushes) == 0 {
		return nil
	}
	return []string{"g-1"}
}

func (b *brain) Close() []model.Finding {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}

func (*brain) Stats() correlate.Stats { return correlate.Stats{} }

// pipelines are one of each signal, with the ends that they lead to.
type pipelines struct {
	logs    *logsShell
	traces  *tracesShell
	metrics *metricsShell
	sink    *consumertest.LogsSink
	spans   *consumertest.TracesSink
	points  *consumertest.MetricsSink
	brain   *brain
}

func newPipelines(t *testing.T) *pipelines {
	t.Helper()
	f := &factory{engines: map[component.ID]*engine{}}
	set, cfg := processortest.NewNopSettings(metadata.Type), createDefaultConfig()
	p := &pipelines{sink: new(consumertest.LogsSink), spans: new(consumertest.TracesSink), points: new(consumertest.MetricsSink)}
	traces, err := f.createTraces(t.Context(), set, cfg, p.spans)
	require.NoError(t, err)
	metrics, err := f.createMetrics(t.Context(), set, cfg, p.points)
	require.NoError(t, err)
	logs, err := f.createLogs(t.Context(), set, cfg, p.sink)
	require.NoError(t, err)
	p.traces, p.metrics, p.logs = traces.(*tracesShell), metrics.(*metricsShell), logs.(*logsShell)
	require.Same(t, p.logs.engine, p.traces.engine)
	require.Same(t, p.logs.engine, p.metrics.engine)
	p.brain = &brain{}
	p.logs.engine.thinking = p.brain
	return p
}

func (p *pipelines) each(t *testing.T, do func(component.Component) error) {
	t.Helper()
	for _, c := range []component.Component{p.metrics, p.traces, p.logs} {
		require.NoError(t, do(c))
	}
}

func (p *pipelines) start(t *testing.T) {
	p.each(t, func(c component.Component) error { return c.Start(t.Context(), componenttest.NewNopHost()) })
}

func (p *pipelines) shutdown(t *testing.T) {
	p.each(t, func(c component.Component) error { return c.Shutdown(context.WithoutCancel(t.Context())) })
}

func TestEverySignalIsSeenByOneEngineAndPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipelines(t)
		p.start(t)
		require.NoError(t, p.logs.ConsumeLogs(t.Context(), records(time.Now(), "one", "two")))
		spans := ptrace.NewTraces()
		for range 3 {
			span := spans.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
			span.SetTraceID(pcommon.TraceID{1})
		}
		require.NoError(t, p.traces.ConsumeTraces(t.Context(), spans))
		points := pmetric.NewMetrics()
		points.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().
			SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
		require.NoError(t, p.metrics.ConsumeMetrics(t.Context(), points))

		require.Equal(t, []string{"one", "two"}, p.brain.events)
		require.Equal(t, 3, p.brain.spans)
		require.Equal(t, 1, p.brain.points)
		passed := p.passedOn(t, "one")
		require.Equal(t, 0, passed.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().Len())
		require.Equal(t, map[string]any{"tapio.group.id": "g-1", "log.record.uid": "uid-1", "log.record.template": "took <*> ms"},
			passed.ResourceLogs().At(1).ScopeLogs().At(0).LogRecords().At(0).Attributes().AsRaw())
		require.Equal(t, map[string]any{"tapio.group.id": "g-1"},
			p.spans.AllTraces()[0].ResourceSpans().At(1).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw())
		require.Equal(t, 1, p.points.DataPointCount())
		p.shutdown(t)
	})
}

func TestFindingsLeaveThroughTheLogsPipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipelines(t)
		p.start(t)
		begin := time.Now()
		require.NoError(t, p.logs.ConsumeLogs(t.Context(), records(begin, "a")))
		require.NoError(t, p.logs.ConsumeLogs(t.Context(), records(begin.Add(30*time.Second), "b")))
		synctest.Wait()
		require.Equal(t, []model.Nanos{
			model.Nanos(begin.Add(-5 * time.Second).UnixNano()),
			model.Nanos(begin.Add(25 * time.Second).UnixNano()),
		}, p.brain.flushed(), "records drive the time, less the lateness")
		require.Len(t, p.findings(), 2)

		time.Sleep(8500 * time.Millisecond)
		synctest.Wait()
		last := p.brain.flushed()[len(p.brain.flushed())-1]
		require.Equal(t, model.Nanos(begin.Add(28*time.Second).UnixNano()), last, "idle for more than the lateness, the clock does")
		p.shutdown(t)
		require.Equal(t, model.Nanos(begin.Add(30*time.Second).UnixNano()), p.brain.flushed()[len(p.brain.flushed())-1],
			"at the end all that was seen counts")
		require.Len(t, p.findings(), len(p.brain.flushed()))
	})
}

func TestFindingsThatPassAreNoObservations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipelines(t)
		p.start(t)
		logs := records(time.Now(), "one")
		otlp.LogsFromFindings([]model.Finding{&model.Insight{FindingIdentity: model.FindingIdentity{ID: "i"}}}, 0).
			ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
		records(time.Now(), "two").ResourceLogs().MoveAndAppendTo(logs.ResourceLogs())
		require.NoError(t, p.logs.ConsumeLogs(t.Context(), logs))
		require.Equal(t, []string{"one", "two"}, p.brain.events)
		passed := p.passedOn(t, "one")
		require.Equal(t, 3, passed.LogRecordCount(), "all pass")
		marked := passed.ResourceLogs().At(2).ScopeLogs().At(0).LogRecords().At(0)
		_, found := marked.Attributes().Get("tapio.group.id")
		require.True(t, found, "the mark of the second observed record stands on the third of the batch")
		require.EqualValues(t, 1, p.logs.engine.skippedByReason()["finding"])
		p.shutdown(t)
	})
}

func TestAClockThatIsWrongDoesNotMoveTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipelines(t)
		p.start(t)
		require.NoError(t, p.logs.ConsumeLogs(t.Context(), records(time.Now().Add(time.Hour), "from tomorrow")))
		synctest.Wait()
		require.Empty(t, p.brain.flushed())
		require.NoError(t, p.logs.ConsumeLogs(t.Context(), records(time.Now(), "from now")))
		synctest.Wait()
		require.Len(t, p.brain.flushed(), 1)
		p.shutdown(t)
	})
}

func TestStartWithoutALogsPipelineSaysWhatToAdd(t *testing.T) {
	f := &factory{engines: map[component.ID]*engine{}}
	traces, err := f.createTraces(t.Context(), processortest.NewNopSettings(metadata.Type), createDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	err = traces.Start(t.Context(), componenttest.NewNopHost())
	require.ErrorContains(t, err, `add "semantic_correlation`)
	require.ErrorContains(t, err, "service::pipelines::logs::processors")
	require.NoError(t, traces.Shutdown(t.Context()))
}

func TestAReloadBeginsWithAFreshEngine(t *testing.T) {
	f := &factory{engines: map[component.ID]*engine{}}
	set := processortest.NewNopSettings(metadata.Type)
	first, err := f.createLogs(t.Context(), set, createDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, first.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, first.Shutdown(t.Context()))
	require.NoError(t, first.Shutdown(t.Context()), "twice does no harm")
	second, err := f.createLogs(t.Context(), set, createDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	require.NotSame(t, first.(*logsShell).engine, second.(*logsShell).engine)
	require.NoError(t, second.Shutdown(t.Context()))
}

func TestWhatCannotBeSentIsCounted(t *testing.T) {
	o := newOutbox(processortest.NewNopSettings(metadata.Type).Logger, nil)
	o.offer(consumertest.NewErr(errors.New("no")))
	o.add([]model.Finding{&model.Insight{Text: "a"}, &model.Insight{Text: "b"}})
	o.send(t.Context())
	require.EqualValues(t, 2, o.counts(o.dropped)[reasonRefused])

	large := &model.Insight{Text: strings.Repeat("x", maxOutboxBytes/2)}
	o.add([]model.Finding{large, large, large})
	require.EqualValues(t, 2, o.counts(o.dropped)[reasonFull])
	require.LessOrEqual(t, o.bytes, maxOutboxBytes)
}

func TestConfig(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
	for mend, change := range map[string]func(*Config){
		"memory_limit: must be 1.0 MiB or more": func(c *Config) { c.MemoryLimit = 7 },
		"window: must be within":                func(c *Config) { c.Window = 10 },
		"close_after: must be at least":         func(c *Config) { c.CloseAfter = time.Second },
		"lateness: must be within":              func(c *Config) { c.Lateness = -1 },
	} {
		config := createDefaultConfig().(*Config)
		require.NoError(t, config.Validate())
		change(config)
		require.ErrorContains(t, config.Validate(), mend)
	}
	var size ByteSize
	require.NoError(t, size.UnmarshalText([]byte("64MiB")))
	require.EqualValues(t, 64<<20, size)
	require.ErrorContains(t, size.UnmarshalText([]byte("much")), "128MiB")
}
