// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"context"
	"errors"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottldatapoint"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlprofile"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/xconsumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"

	"github.com/tapio/tapio/internal/ingestcontrol"
	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/metadata"
)

// sink hands on to the pipelines there are what the gates let pass. What a
// pipeline refuses is counted and lost: the kernel does not send it again.
type sink struct {
	logs    consumer.Logs
	metrics consumer.Metrics
	traces  consumer.Traces
	// profiles is nil without a pipeline of profiles.
	profiles xconsumer.Profiles
	report   *receiverhelper.ObsReport

	logGate, pointGate, spanGate, profileGate *gate

	logFilter   ingestcontrol.Filter[*ottllog.TransformContext]
	pointFilter ingestcontrol.Filter[*ottldatapoint.TransformContext]
	spanFilter  ingestcontrol.Filter[*ottlspan.TransformContext]

	profileFilter ingestcontrol.Filter[*ottlprofile.TransformContext]
}

func newSink(set receiver.Settings, c *Config) (*sink, error) {
	s := &sink{logGate: newGate(c.Logs), pointGate: newGate(c.Metrics), spanGate: newGate(c.Traces), profileGate: newGate(c.Profiles)}
	var errs [5]error
	s.logFilter, errs[0] = logFilter(set.TelemetrySettings, c.Logs)
	s.pointFilter, errs[1] = pointFilter(set.TelemetrySettings, c.Metrics)
	s.spanFilter, errs[2] = spanFilter(set.TelemetrySettings, c.Traces)
	s.profileFilter, errs[4] = profileFilter(set.TelemetrySettings, c.Profiles)
	s.report, errs[3] = receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: set.ID, Transport: "kernel", ReceiverCreateSettings: set,
	})
	return s, errors.Join(errs[:]...)
}

func (s *sink) consumeLogs(ctx context.Context, logs plog.Logs) error {
	if s.logs == nil || !s.logGate.Enabled() {
		return nil
	}
	s.gateLogs(ctx, logs)
	n := logs.LogRecordCount()
	if n == 0 {
		return nil
	}
	ctx = s.report.StartLogsOp(ctx)
	err := pass(func() error { return s.logs.ConsumeLogs(ctx, logs) })
	s.report.EndLogsOp(ctx, metadata.Type.String(), n, err)
	return s.logGate.refuse(n, err)
}

func (s *sink) consumeMetrics(ctx context.Context, metrics pmetric.Metrics) error {
	if s.metrics == nil || !s.pointGate.Enabled() {
		return nil
	}
	s.gateMetrics(ctx, metrics)
	n := metrics.DataPointCount()
	if n == 0 {
		return nil
	}
	ctx = s.report.StartMetricsOp(ctx)
	err := pass(func() error { return s.metrics.ConsumeMetrics(ctx, metrics) })
	s.report.EndMetricsOp(ctx, metadata.Type.String(), n, err)
	return s.pointGate.refuse(n, err)
}

func (s *sink) consumeTraces(ctx context.Context, traces ptrace.Traces) error {
	if s.traces == nil || !s.spanGate.Enabled() {
		return nil
	}
	s.gateTraces(ctx, traces)
	n := traces.SpanCount()
	if n == 0 {
		return nil
	}
	ctx = s.report.StartTracesOp(ctx)
	err := pass(func() error { return s.traces.ConsumeTraces(ctx, traces) })
	s.report.EndTracesOp(ctx, metadata.Type.String(), n, err)
	return s.spanGate.refuse(n, err)
}

// consumeProfiles has no report of its own: the helper of the collector knows no profiles.
func (s *sink) consumeProfiles(ctx context.Context, profiles pprofile.Profiles) error {
	if s.profiles == nil || !s.profileGate.Enabled() {
		return nil
	}
	s.gateProfiles(ctx, profiles)
	n := profiles.ProfileCount()
	if n == 0 {
		return nil
	}
	return s.profileGate.refuse(n, pass(func() error { return s.profiles.ConsumeProfiles(ctx, profiles) }))
}

// wantsProfiles reports whether profiles go anywhere.
func (s *sink) wantsProfiles() bool { return s.profiles != nil && s.profileGate.Enabled() }

// pass hands on to a pipeline, whose panic is a refusal.
func pass(consume func() error) (err error) {
	if panicked := panics.Catch(func() { err = consume() }); panicked != nil {
		return panicked
	}
	return err
}
