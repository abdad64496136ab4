// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// gauge is what a resource metric shows, before it has a name.
type gauge struct {
	what    gaugeKind
	on      *Instance
	node    *Node
	backend *Backend
}

type gaugeKind int

const (
	cpuGauge    gaugeKind = iota // cores in use
	memoryGauge                  // share of the limit
	diskGauge                    // share of the file system
	poolGauge                    // share of the connections of a pool that are in use
	waitGauge                    // requests that wait for a connection
	lagGauge                     // messages
	clientGauge                  // connections to a backend
)

// shown is a gauge's value with what effects make of it.
func (w *World) shown(g gauge, value float64) float64 {
	for _, e := range w.active {
		if e.gauge != nil {
			value = e.gauge(&g, w.now, value)
		}
	}
	return value
}

// gauges reports all metrics once.
func (w *World) gauges(t int64) {
	for _, s := range w.Services {
		for _, on := range s.replicas {
			if !on.gone {
				w.replicaGauges(on, t)
				w.reds(on, t)
			}
		}
	}
	for _, n := range w.Nodes {
		w.nodeGauges(n, t)
	}
	for _, b := range w.Backends {
		if b.metrics || b.consumer != nil {
			w.backendGauges(b, t)
		}
	}
}

// point adds a gauge of one point.
func (w *World) point(to pmetric.MetricSlice, name, unit string, t int64, value float64, labels ...string) {
	w.Points++
	m := to.AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	p := m.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.Timestamp(t))
	p.SetDoubleValue(value)
	for i := 0; i+1 < len(labels); i += 2 {
		p.Attributes().PutStr(labels[i], labels[i+1])
	}
}

func (w *World) replicaGauges(on *Instance, t int64) {
	c, s := w.traffic, on.Service
	to := w.out.metrics(on, t+second, func(r pcommon.Resource) { w.describe(r, on) })
	cpu := 0.02 + on.load*4*0.8 + 0.01*c.ExpFloat64()
	if s.burst && (t/minute+on.pid)%(31+on.pid%90) < 2 { // work in the background
		cpu += 0.9
	}
	cpu = w.shown(gauge{what: cpuGauge, on: on}, cpu)
	memory := w.shown(gauge{what: memoryGauge, on: on}, w.heapShare(on, t))
	switch {
	case w.style.family == "process" || !w.style.kubernetes:
		w.point(to, "process.cpu.utilization", "1", t, cpu/4)
		w.point(to, "process.memory.usage", "By", t, memory*s.limit)
	case w.style.family == "container":
		w.point(to, "container.cpu.usage", "{cpu}", t, cpu)
		w.point(to, "container.memory.working_set", "By", t, memory*s.limit)
		w.point(to, "k8s.container.memory_limit_utilization", "1", t, memory)
	default:
		w.point(to, "k8s.pod.cpu.usage", "{cpu}", t, cpu)
		w.point(to, "k8s.pod.memory.working_set", "By", t, memory*s.limit)
		w.point(to, "k8s.pod.memory_limit_utilization", "1", t, memory)
	}
	if s.language == "java" {
		w.point(to, "jvm.memory.used", "By", t, memory*s.limit*0.8, "jvm.memory.type", "heap")
		w.counter(to, "jvm.gc.duration", "s", on.born, t, on.gc, uint64(on.pauses))
	}
	for _, b := range s.backends {
		if b.kind != database {
			continue
		}
		used := w.shown(gauge{what: poolGauge, on: on, backend: b}, math.Min(1, 0.1+b.load+0.03*c.ExpFloat64()))
		w.point(to, "db.client.connection.count", "{connection}", t, math.Round(used*20), "db.client.connection.pool.name", b.Name, "db.client.connection.state", "used")
		w.point(to, "db.client.connection.pending_requests", "{request}", t, math.Round(w.shown(gauge{what: waitGauge, on: on, backend: b}, 0)), "db.client.connection.pool.name", b.Name)
		break
	}
}

// heapShare is how much of its memory a replica uses: it warms up, and garbage
// grows until it is collected.
func (w *World) heapShare(on *Instance, t int64) float64 {
	age := float64(t-on.started) / float64(20*minute)
	warm := 0.4 + 0.6*(1-math.Exp(-age))
	if on.Service.language == "go" {
		return on.Service.heap*warm + 0.01*w.traffic.NormFloat64()
	}
	cycle := float64((t+on.phase*77)%(9*minute)) / float64(9*minute)
	return on.Service.heap * warm * (0.75 + 0.5*cycle)
}

// counter adds a cumulative distribution without buckets.
func (w *World) counter(to pmetric.MetricSlice, name, unit string, start, t int64, sum float64, count uint64) {
	w.Points++
	m := to.AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	h := m.SetEmptyHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := h.DataPoints().AppendEmpty()
	p.SetStartTimestamp(pcommon.Timestamp(start))
	p.SetTimestamp(pcommon.Timestamp(t))
	p.SetSum(sum)
	p.SetCount(count)
	p.BucketCounts().FromRaw([]uint64{count})
}

func (w *World) nodeGauges(n *Node, t int64) {
	cpu := 0.0
	for _, s := range w.Services {
		for _, on := range s.replicas {
			if on.Node == n && !on.gone {
				cpu += on.load * 4 * 0.8
			}
		}
	}
	to := w.out.metrics(n, t+second, func(r pcommon.Resource) {
		r.Attributes().PutStr("host.name", n.Name)
		if w.style.kubernetes {
			r.Attributes().PutStr("k8s.node.name", n.Name)
		}
		if w.style.zones {
			r.Attributes().PutStr("cloud.availability_zone", n.Zone)
		}
	})
	cpu = w.shown(gauge{what: cpuGauge, node: n}, cpu+0.4+0.2*w.traffic.ExpFloat64())
	w.point(to, "system.cpu.utilization", "1", t, math.Min(1, cpu/n.cores))
	w.point(to, "system.memory.utilization", "1", t, w.shown(gauge{what: memoryGauge, node: n}, 0.5+0.02*w.traffic.NormFloat64()), "system.memory.state", "used")
	w.point(to, "system.filesystem.utilization", "1", t, w.shown(gauge{what: diskGauge, node: n}, n.disk), "system.filesystem.mountpoint", "/var/lib")
}

func (w *World) backendGauges(b *Backend, t int64) {
	to := w.out.metrics(b, t+second, func(r pcommon.Resource) {
		r.Attributes().PutStr("service.name", b.service)
		if w.style.kubernetes {
			r.Attributes().PutStr("k8s.node.name", b.node.Name)
		} else {
			r.Attributes().PutStr("host.name", b.node.Name)
		}
	})
	if b.metrics {
		w.point(to, "process.cpu.utilization", "1", t, w.shown(gauge{what: cpuGauge, backend: b}, 0.03+0.5*b.load+0.01*w.traffic.ExpFloat64()))
		clients := w.shown(gauge{what: clientGauge, backend: b}, 20+40*b.load)
		switch b.flavour {
		case "postgresql":
			w.point(to, "postgresql.backends", "1", t, math.Round(clients))
		case "mysql":
			w.point(to, "mysql.threads", "1", t, math.Round(clients), "kind", "connected")
		case "redis":
			w.point(to, "redis.clients.connected", "", t, math.Round(clients))
		}
		if b.kind == database {
			w.point(to, "system.filesystem.utilization", "1", t, w.shown(gauge{what: diskGauge, backend: b}, 0.45), "system.filesystem.mountpoint", "/var/lib/data")
		}
	}
	if b.consumer != nil {
		w.point(to, "kafka.consumer_group.lag", "1", t, math.Max(0, w.shown(gauge{what: lagGauge, backend: b}, b.lag)),
			"group", b.consumer.Service.Name, "topic", b.tables[0])
	}
}
