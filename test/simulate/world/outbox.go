// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// slot is the time that one request of each signal covers: a gateway batches what
// arrives meanwhile.
const slot = 2 * second

// Arrivals is what arrives in one slot.
type Arrivals struct {
	At      int64 // its end
	Traces  ptrace.Traces
	Logs    plog.Logs
	Metrics pmetric.Metrics

	spans  map[*Instance]ptrace.SpanSlice
	lines  map[*Instance]plog.LogRecordSlice
	points map[any]pmetric.MetricSlice
}

// outbox holds what is on its way, by the slot in which it arrives.
type outbox struct {
	slots map[int64]*Arrivals
	next  int64
}

func newOutbox() *outbox { return &outbox{slots: map[int64]*Arrivals{}} }

func (o *outbox) at(arrival int64) *Arrivals {
	number := max(arrival/slot, o.next)
	a := o.slots[number]
	if a == nil {
		a = &Arrivals{
			At: (number + 1) * slot, Traces: ptrace.NewTraces(), Logs: plog.NewLogs(), Metrics: pmetric.NewMetrics(),
			spans: map[*Instance]ptrace.SpanSlice{}, lines: map[*Instance]plog.LogRecordSlice{}, points: map[any]pmetric.MetricSlice{},
		}
		o.slots[number] = a
	}
	return a
}

func (o *outbox) spans(w *World, on *Instance, arrival int64) ptrace.SpanSlice {
	a := o.at(arrival)
	held, found := a.spans[on]
	if !found {
		resource := a.Traces.ResourceSpans().AppendEmpty()
		w.describe(resource.Resource(), on)
		scope := resource.ScopeSpans().AppendEmpty()
		scope.Scope().SetName("instrumentation/" + on.Service.language)
		held = scope.Spans()
		a.spans[on] = held
	}
	return held
}

func (o *outbox) lines(w *World, on *Instance, arrival int64) plog.LogRecordSlice {
	if w.silent {
		return plog.NewLogRecordSlice()
	}
	a := o.at(arrival)
	held, found := a.lines[on]
	if !found {
		resource := a.Logs.ResourceLogs().AppendEmpty()
		w.describe(resource.Resource(), on)
		held = resource.ScopeLogs().AppendEmpty().LogRecords()
		a.lines[on] = held
	}
	return held
}

// metrics returns where points of a source are put; describe names it.
func (o *outbox) metrics(source any, arrival int64, describe func(pcommon.Resource)) pmetric.MetricSlice {
	a := o.at(arrival)
	held, found := a.points[source]
	if !found {
		resource := a.Metrics.ResourceMetrics().AppendEmpty()
		describe(resource.Resource())
		held = resource.ScopeMetrics().AppendEmpty().Metrics()
		a.points[source] = held
	}
	return held
}

// release hands over the slots that are over.
func (o *outbox) release(now int64, send func(*Arrivals) error) error {
	if now/slot > o.next && o.next == 0 { // the first
		o.next = now/slot - 1
	}
	for ; o.next < now/slot && (now < 1<<62 || len(o.slots) > 0); o.next++ {
		a := o.slots[o.next]
		if a == nil {
			continue
		}
		delete(o.slots, o.next)
		if err := send(a); err != nil {
			return err
		}
	}
	return nil
}

// arrival is when what ends at a time reaches the collector: with the next batch of
// its replica, later where the replica retries or the network reorders.
func (w *World) arrival(on *Instance, end int64) int64 {
	const batch = 5 * second
	at := end - (end+on.phase)%batch + batch + w.traffic.Int64N(second/2)
	if at < on.stalled {
		at = on.stalled + w.traffic.Int64N(second)
	}
	if w.shuffle > 0 {
		at += w.traffic.Int64N(w.shuffle)
	}
	return at
}

// describe names a replica as its SDK does.
func (w *World) describe(resource pcommon.Resource, on *Instance) {
	a, s := resource.Attributes(), on.Service
	a.PutStr("service.name", s.Name)
	a.PutStr("service.version", on.version)
	a.PutStr("telemetry.sdk.language", s.language)
	a.PutStr("service.instance.id", on.id)
	if w.style.kubernetes {
		a.PutStr("service.namespace", s.namespace)
		a.PutStr("k8s.namespace.name", s.namespace)
		a.PutStr("k8s.pod.name", on.Pod)
		a.PutStr("k8s.deployment.name", s.Name)
		a.PutStr("k8s.node.name", on.Node.Name)
	} else {
		a.PutStr("host.name", on.Node.Name)
		a.PutInt("process.pid", on.pid)
	}
	if w.style.zones {
		a.PutStr("cloud.availability_zone", on.Node.Zone)
	}
}
