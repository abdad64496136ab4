//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// Origin is what every record of the receiver says of where it comes from.
type Origin struct {
	HostName string
	HostID   string
	Scope    string
	Version  string
}

// Batch gathers log records, spans and points under the resource of the place
// that they come from, until the pipelines take them.
type Batch struct {
	Logs    plog.Logs
	Traces  ptrace.Traces
	Metrics pmetric.Metrics
	// Profiles has an entry for each dictionary.
	Profiles []pprofile.Profiles
	// Spans counts those in Traces.
	Spans int
	// Table knows the processes.
	Table *identity.Table
	Clock kernel.Clock
	// Since is when the counting of what Collect reads began, Last when it was
	// read before, Now when it is read.
	Since, Last, Now time.Time
	// Final is set for the last call of Collect.
	Final bool

	origin  Origin
	records map[*identity.Place]plog.LogRecordSlice
	spans   map[*identity.Process]ptrace.SpanSlice
	metrics map[*identity.Place]pmetric.MetricSlice
	named   map[metricKey]pmetric.Metric
}

type metricKey struct {
	place *identity.Place
	name  string
}

// NewBatch returns an empty one.
func NewBatch(origin Origin, table *identity.Table) *Batch {
	b := &Batch{origin: origin, Table: table}
	b.Reset()
	return b
}

// Reset begins again with empty signals; those handed on are not touched.
func (b *Batch) Reset() {
	b.Spans = 0
	b.Logs, b.Traces, b.Metrics = plog.NewLogs(), ptrace.NewTraces(), pmetric.NewMetrics()
	b.Profiles = nil
	b.records = map[*identity.Place]plog.LogRecordSlice{}
	b.spans = map[*identity.Process]ptrace.SpanSlice{}
	b.metrics = map[*identity.Place]pmetric.MetricSlice{}
	b.named = map[metricKey]pmetric.Metric{}
}

// Event adds an event of a process, with its name, time and process.*.
func (b *Batch) Event(name string, of *identity.Process, at time.Time) plog.LogRecord {
	record := b.EventAt(name, of.Place, at)
	PutProcess(record.Attributes(), of)
	return record
}

// EventAt adds an event of a place.
func (b *Batch) EventAt(name string, place *identity.Place, at time.Time) plog.LogRecord {
	slice, ok := b.records[place]
	if !ok {
		resource := b.Logs.ResourceLogs().AppendEmpty()
		b.PutResource(resource.Resource(), place)
		scope := resource.ScopeLogs().AppendEmpty()
		b.PutScope(scope.Scope())
		slice = scope.LogRecords()
		b.records[place] = slice
	}
	record := slice.AppendEmpty()
	record.SetEventName(name)
	informs(record)
	record.SetTimestamp(pcommon.NewTimestampFromTime(at))
	record.SetObservedTimestamp(pcommon.NewTimestampFromTime(b.Now))
	return record
}

// Span adds a span of a process, under a resource of its own: what is known of the
// process is the same for all its spans.
func (b *Batch) Span(name string, of *identity.Process) ptrace.Span {
	slice, ok := b.spans[of]
	if !ok {
		resource := b.Traces.ResourceSpans().AppendEmpty()
		b.PutResource(resource.Resource(), of.Place)
		PutProcess(resource.Resource().Attributes(), of)
		b.PutInstance(resource.Resource().Attributes(), of.Instance())
		scope := resource.ScopeSpans().AppendEmpty()
		b.PutScope(scope.Scope())
		slice = scope.Spans()
		b.spans[of] = slice
	}
	span := slice.AppendEmpty()
	b.Spans++
	span.SetName(name)
	return span
}

// Metric describes a metric once for all its points.
type Metric struct {
	Name        string
	Unit        string
	Description string
	// Bounds of the buckets, for a histogram with explicit ones.
	Bounds []float64
}

// Count adds a point of a monotonic, cumulative sum.
func (b *Batch) Count(m *Metric, place *identity.Place) pmetric.NumberDataPoint {
	metric, added := b.metric(m, place)
	if added {
		sum := metric.SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	}
	point := metric.Sum().DataPoints().AppendEmpty()
	b.putTimes(point)
	return point
}

// Gauge adds a point of a value that goes up and down.
func (b *Batch) Gauge(m *Metric, place *identity.Place) pmetric.NumberDataPoint {
	metric, added := b.metric(m, place)
	if added {
		metric.SetEmptyGauge()
	}
	point := metric.Gauge().DataPoints().AppendEmpty()
	point.SetTimestamp(pcommon.NewTimestampFromTime(b.Now))
	return point
}

// Histogram adds a point of a cumulative histogram; counts has one more than the
// bounds have.
func (b *Batch) Histogram(m *Metric, place *identity.Place, counts []uint64, sum float64) pmetric.HistogramDataPoint {
	metric, added := b.metric(m, place)
	if added {
		metric.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	}
	point := metric.Histogram().DataPoints().AppendEmpty()
	b.putTimes(point)
	point.ExplicitBounds().FromRaw(m.Bounds)
	point.BucketCounts().FromRaw(counts)
	var all uint64
	for _, n := range counts {
		all += n
	}
	point.SetCount(all)
	point.SetSum(sum)
	return point
}

// Exponential adds a point of a cumulative histogram of the kernel's.
func (b *Batch) Exponential(m *Metric, place *identity.Place, h *Histogram) pmetric.ExponentialHistogramDataPoint {
	metric, added := b.metric(m, place)
	if added {
		metric.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	}
	point := metric.ExponentialHistogram().DataPoints().AppendEmpty()
	b.putTimes(point)
	h.put(point)
	return point
}

func (b *Batch) putTimes(point interface {
	SetTimestamp(pcommon.Timestamp)
	SetStartTimestamp(pcommon.Timestamp)
},
) {
	point.SetStartTimestamp(pcommon.NewTimestampFromTime(b.Since))
	point.SetTimestamp(pcommon.NewTimestampFromTime(b.Now))
}

func (b *Batch) metric(m *Metric, place *identity.Place) (metric pmetric.Metric, added bool) {
	key := metricKey{place, m.Name}
	if metric, ok := b.named[key]; ok {
		return metric, false
	}
	slice, ok := b.metrics[place]
	if !ok {
		resource := b.Metrics.ResourceMetrics().AppendEmpty()
		b.PutResource(resource.Resource(), place)
		scope := resource.ScopeMetrics().AppendEmpty()
		b.PutScope(scope.Scope())
		slice = scope.Metrics()
		b.metrics[place] = slice
	}
	metric = slice.AppendEmpty()
	metric.SetName(m.Name)
	metric.SetUnit(m.Unit)
	metric.SetDescription(m.Description)
	b.named[key] = metric
	return metric, true
}

// PutResource writes what processors such as k8sattributes join by.
func (b *Batch) PutResource(to pcommon.Resource, place *identity.Place) {
	attributes := to.Attributes()
	attributes.PutStr(semconv.Source, semconv.SourceEBPF)
	attributes.PutStr(semconv.OSType, "linux")
	PutText(attributes, semconv.HostName, b.origin.HostName)
	PutText(attributes, semconv.HostID, b.origin.HostID)
	PutText(attributes, semconv.ServiceName, place.Service)
	PutText(attributes, semconv.ServiceNamespace, place.Namespace)
	PutText(attributes, semconv.ServiceVersion, place.Version)
	b.PutInstance(attributes, place.Instance)
	if place.Cgroup != "/" { // that of the whole host says nothing
		PutText(attributes, semconv.ProcessLinuxCgroup, place.Cgroup)
	}
	PutText(attributes, semconv.ContainerID, place.ContainerID)
	PutText(attributes, semconv.K8sPodUID, place.PodUID)
}

// PutInstance writes what distinguishes instances of a service. The key of a process
// holds for its host only.
func (b *Batch) PutInstance(to pcommon.Map, instance string) {
	if instance == "" {
		return
	}
	if pid, _, found := strings.Cut(instance, ":"); found && b.origin.HostName != "" && strings.Trim(pid, "0123456789") == "" {
		instance = b.origin.HostName + ":" + instance
	}
	to.PutStr(semconv.ServiceInstanceID, instance)
}

// PutScope writes the scope of the receiver.
func (b *Batch) PutScope(to pcommon.InstrumentationScope) {
	to.SetName(b.origin.Scope)
	to.SetVersion(b.origin.Version)
}

// PutProcess writes which process it is.
func PutProcess(to pcommon.Map, p *identity.Process) {
	to.EnsureCapacity(12)
	to.PutInt(semconv.ProcessPID, int64(p.Key.PID))
	to.PutStr(semconv.ProcessKey, p.Text)
	PutProgram(to, p)
}

// PutProgram writes what processes of one program have in common.
func PutProgram(to pcommon.Map, p *identity.Process) {
	PutText(to, semconv.ProcessExecutableName, p.Name)
	PutText(to, semconv.ProcessExecutablePath, p.Path)
}

// PutText writes an attribute that is not empty.
func PutText(to pcommon.Map, key, value string) {
	if value != "" {
		to.PutStr(key, value)
	}
}
