// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// interval is what one point covers: the default of the connector.
const interval = 10 * time.Second

// fleet is what the nodes do. Each runs some of the services, each service calls one of the
// databases, and each database runs on one node. The fault is that of the disk of one of them.
type fleet struct {
	options
	rng       *rand.Rand
	at        time.Time
	faulty    bool
	since     time.Time
	revisions int
}

func newFleet(o options) *fleet {
	return &fleet{options: o, rng: rand.New(rand.NewPCG(1, 2)), at: time.Now().Add(-o.before - o.during - time.Minute).Truncate(interval)}
}

// kinds is how many services there are: each has about ten instances.
func (f *fleet) kinds() int     { return max(2, f.agents*f.services/10) }
func (f *fleet) databases() int { return max(2, f.kinds()/5) }

// service is the n-th service on a node.
func (f *fleet) service(node, n int) int { return (node*f.services + n*7) % f.kinds() }

func (f *fleet) databaseOf(service int) int { return service % f.databases() }

// nodeOf is the node on which a database runs.
func (f *fleet) nodeOf(database int) int { return (database*13 + 5) % f.agents }

func nodeName(node int) string         { return fmt.Sprintf("node-%04d", node) }
func serviceName(service int) string   { return fmt.Sprintf("service-%d", service) }
func databaseName(database int) string { return fmt.Sprintf("database-%d", database) }

// suffers reports whether a service calls the database with the fault.
func (f *fleet) suffers(service int) bool { return f.faulty && f.databaseOf(service) == 0 }

// summary is what the connector of a node sends for an interval.
func (f *fleet) summary(node int) pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	for n := range f.services {
		service := f.service(node, n)
		of := metrics.ResourceMetrics().AppendEmpty()
		for key, value := range map[string]string{
			"service.name": serviceName(service), "host.name": nodeName(node), "tapio.source": "node_summary",
		} {
			of.Resource().Attributes().PutStr(key, value)
		}
		own, call := 20.0, 6.0
		if f.suffers(service) {
			own, call = own+900, call+900
		}
		list := of.ScopeMetrics().AppendEmpty().Metrics()
		f.point(list, "http.server.request.duration", own, "http.request.method", "GET", "http.route", "/")
		f.point(list, "db.client.operation.duration", call, "db.system.name", "postgresql", "db.operation.name", "SELECT",
			"server.address", databaseName(f.databaseOf(service)))
	}
	return metrics
}

// point counts some requests that take so many milliseconds on average.
func (f *fleet) point(to pmetric.MetricSlice, name string, millis float64, attributes ...string) {
	const scale, offset = 3, -80
	metric := to.AppendEmpty()
	metric.SetName(name)
	metric.SetUnit("s")
	histogram := metric.SetEmptyExponentialHistogram()
	histogram.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	point := histogram.DataPoints().AppendEmpty()
	point.SetStartTimestamp(pcommon.NewTimestampFromTime(f.at.Add(-interval)))
	point.SetTimestamp(pcommon.NewTimestampFromTime(f.at))
	point.SetScale(scale)
	counts, sum := make([]uint64, 128), 0.0
	requests := 20 + f.rng.IntN(20)
	for range requests {
		seconds := millis / 1000 * math.Exp(0.3*f.rng.NormFloat64())
		counts[int(math.Ceil(math.Log2(seconds)*(1<<scale)))-1-offset]++
		sum += seconds
	}
	point.SetCount(uint64(requests))
	point.SetSum(sum)
	point.Positive().SetOffset(offset)
	point.Positive().BucketCounts().FromRaw(counts)
	for i := 0; i < len(attributes); i += 2 {
		point.Attributes().PutStr(attributes[i], attributes[i+1])
	}
}

// findings are those of a node's engine by now: an incident where callers wait for the database,
// and an observation of the disk where it runs. They come ten seconds after the fault began and
// again each minute, as an engine reports them.
func (f *fleet) findings(node int) plog.Logs {
	logs := plog.NewLogs()
	elapsed := f.at.Sub(f.since)
	if !f.faulty || elapsed < 2*interval || elapsed%(6*interval) != 2*interval {
		return logs
	}
	records := logs.ResourceLogs().AppendEmpty()
	records.Resource().Attributes().PutStr("service.name", "tapio")
	records.Resource().Attributes().PutStr("host.name", nodeName(node))
	to := records.ScopeLogs().AppendEmpty().LogRecords()
	if node == f.nodeOf(0) {
		f.group(to, node, "observation", "resource_exhaustion", "service", "waits for its disk: fsync takes up to 1.9 s")
	}
	for n := range f.services {
		if f.suffers(f.service(node, n)) {
			f.group(to, node, "incident", "dependency", "peer", "is slow: calls take 906 ms (baseline 6 ms)")
			break
		}
	}
	return logs
}

func (f *fleet) group(to plog.LogRecordSlice, node int, kind, sort, entity, reason string) {
	record := to.AppendEmpty()
	record.SetEventName("tapio.semantic_group")
	record.SetTimestamp(pcommon.NewTimestampFromTime(f.at))
	record.Body().SetStr(databaseName(0) + " " + reason)
	a := record.Attributes()
	id := nodeName(node) + "-" + kind
	for key, value := range map[string]string{
		"tapio.finding.id": id, "tapio.finding.engine": nodeName(node), "tapio.group.id": id, "tapio.group.kind": kind, "tapio.group.type": sort, "tapio.group.state": "open",
	} {
		a.PutStr(key, value)
	}
	f.revisions++
	a.PutInt("tapio.finding.revision", int64(f.revisions))
	a.PutInt("tapio.finding.start", f.since.UnixNano())
	a.PutInt("tapio.finding.end", f.at.UnixNano())
	a.PutDouble("tapio.finding.confidence", 0.9)
	a.PutEmptySlice("tapio.finding.services").AppendEmpty().SetStr(databaseName(0))
	factor := a.PutEmptySlice("tapio.root_cause.factors").AppendEmpty().SetEmptyMap()
	factor.PutInt("rank", 1)
	factor.PutDouble("probability", 0.9)
	factor.PutStr("reason", databaseName(0)+" "+reason)
	cause := factor.PutEmptyMap("entity")
	cause.PutStr("kind", entity)
	cause.PutStr("name", databaseName(0))
}
