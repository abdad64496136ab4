// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
)

type options struct {
	binary, config   string
	agents, services int
	before, during   time.Duration
}

// result is what was measured.
type result struct {
	options
	kinds, points, findings int
	sent                    time.Duration // event time
	took                    time.Duration
	cpu                     float64       // seconds of the gateway
	peak                    int64         // bytes resident
	toIncident, toCause     time.Duration // event time after the fault began
	incidents, merged       int
	title, node             string
}

// settles is how much event time goes by after the right cause, so that nodes report their
// incidents again, which are merged then.
const settles = 80 * time.Second

// simulate plays the fleet in event time.
func simulate(ctx context.Context, o options) (*result, error) {
	gateway, err := startGateway(ctx, o)
	if err != nil {
		return nil, err
	}
	defer gateway.Stop()
	f, r := newFleet(o), &result{options: o}
	r.kinds = f.kinds()
	began := time.Now()
	for end := f.at.Add(o.before); f.at.Before(end); {
		if err := f.play(ctx, gateway, r); err != nil {
			return nil, err
		}
	}
	f.faulty, f.since = true, f.at
	until := f.since.Add(o.during)
	for f.at.Before(until) {
		if err := f.play(ctx, gateway, r); err != nil {
			return nil, err
		}
		if err := r.look(ctx, gateway, f); err != nil {
			return nil, err
		}
		if r.toCause != 0 && f.at.Sub(f.since) >= r.toCause+settles {
			break
		}
	}
	r.took = time.Since(began)
	if r.toCause == 0 {
		return nil, fmt.Errorf("the gateway did not find the cause: it reports %d incidents, the last one %q", r.incidents, r.title)
	}
	r.cpu, r.peak, err = usage(gateway.PID())
	return r, err
}

// play lets an interval pass on all nodes.
func (f *fleet) play(ctx context.Context, gateway *running.Collector, r *result) error {
	f.at = f.at.Add(interval)
	r.sent += interval
	metrics, logs := pmetricotlp.NewGRPCClient(gateway.OTLP), plogotlp.NewGRPCClient(gateway.OTLP)
	for node := range f.agents {
		summary := f.summary(node)
		r.points += summary.DataPointCount()
		if _, err := metrics.Export(ctx, pmetricotlp.NewExportRequestFromMetrics(summary)); err != nil {
			return fmt.Errorf("send the summary of %s: %w", nodeName(node), err)
		}
		findings := f.findings(node)
		r.findings += findings.LogRecordCount()
		if findings.LogRecordCount() == 0 {
			continue
		}
		if _, err := logs.Export(ctx, plogotlp.NewExportRequestFromLogs(findings)); err != nil {
			return fmt.Errorf("send the findings of %s: %w", nodeName(node), err)
		}
	}
	return f.settle(ctx, gateway)
}

// settle lets the gateway draw its conclusions about the interval: a record later than its
// lateness does.
func (f *fleet) settle(ctx context.Context, gateway *running.Collector) error {
	later := pcommon.NewTimestampFromTime(f.at.Add(6 * time.Second))
	metrics := pmetric.NewMetrics()
	metric := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName("clock")
	point := metric.SetEmptyGauge().DataPoints().AppendEmpty()
	point.SetTimestamp(later)
	point.SetIntValue(1)
	_, err := pmetricotlp.NewGRPCClient(gateway.OTLP).Export(ctx, pmetricotlp.NewExportRequestFromMetrics(metrics))
	return err
}

// look asks the gateway for its incidents.
func (r *result) look(ctx context.Context, gateway *running.Collector, f *fleet) error {
	found, err := tapiov1.NewTapioServiceClient(gateway.API).GetSemanticGroups(ctx, &tapiov1.GetSemanticGroupsRequest{
		Filter: &tapiov1.Filter{Limit: 1000}, Kinds: []tapiov1.SemanticGroup_Kind{tapiov1.SemanticGroup_KIND_INCIDENT},
	})
	if err != nil {
		return err
	}
	r.incidents, r.merged = 0, 0
	for _, g := range found.GetGroups() {
		if g.GetState() == tapiov1.SemanticGroup_STATE_MERGED {
			r.merged++
			continue
		}
		r.incidents++
		r.title = g.GetTitle()
		if r.toIncident == 0 {
			r.toIncident = f.at.Sub(f.since)
		}
		cause := g.GetRootCause().GetCausalFactors()[0]
		for _, within := range cause.GetWithin() {
			if within.GetKind() == tapiov1.Entity_KIND_NODE {
				r.node = within.GetName()
			}
		}
		right := cause.GetEntity().GetName() == databaseName(0) && r.node == nodeName(f.nodeOf(0)) && strings.Contains(cause.GetReason(), "disk")
		if right && r.toCause == 0 {
			r.toCause = f.at.Sub(f.since)
		}
	}
	return nil
}

func (r *result) print(out io.Writer) {
	share := r.cpu / r.sent.Seconds()
	fmt.Fprintf(out, "%d agents, %d services on each, %d services in all; %s of event time in %s\n", r.agents, r.services, r.kinds, r.sent, r.took.Round(time.Second))
	fmt.Fprintf(out, "sent:   %d metric points (%.0f a second of event time), %d findings\n", r.points, float64(r.points)/r.sent.Seconds(), r.findings)
	fmt.Fprintf(out, "CPU:    %.1f s of the gateway, %.1f %% of one core in event time, %.0f µs a point\n", r.cpu, 100*share, 1e6*r.cpu/float64(r.points))
	fmt.Fprintf(out, "memory: %d MiB resident at most\n", r.peak>>20)
	fmt.Fprintf(out, "cause:  incident after %s, right service, node and mechanism after %s\n", r.toIncident, r.toCause)
	fmt.Fprintf(out, "result: %d incidents, %d incidents of nodes are part of them: %s\n", r.incidents, r.merged, r.title)
}

// usage is the CPU time and the peak of memory of a process.
func usage(pid int) (cpu float64, peak int64, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	const ticks = 100 // USER_HZ of Linux
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 13 {
		return 0, 0, errors.New("/proc/PID/stat has too few fields")
	}
	user, _ := strconv.ParseFloat(fields[11], 64)   // the kernel writes numbers
	system, _ := strconv.ParseFloat(fields[12], 64) // likewise
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscanf(rest, "%d", &peak); err != nil {
		return 0, 0, fmt.Errorf("read VmHWM: %w", err)
	}
	return (user + system) / ticks, peak << 10, nil
}
