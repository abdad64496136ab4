// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"

	collectorlogsv1 "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectormetricsv1 "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortracev1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"

	"github.com/tapio/tapio/internal/ingestcontrol"
)

// Quota is how many records of a signal a Source sends. The zero Quota lets
// all pass.
type Quota struct {
	// Disabled drops all of them.
	Disabled bool
	// SamplingPercent is how many of a hundred records pass; 0: all. Of spans all
	// those of a trace pass or none. Metrics are not sampled.
	SamplingPercent float64
	// MaxPerSecond bounds log records, points or spans a second; 0 does not, 0.1
	// lets one pass in ten seconds.
	MaxPerSecond float64
}

// SourceOptions change what a Source sends. The zero value sends everything.
type SourceOptions struct {
	// Name labels every resource with tapio.source; empty: no label.
	Name string
	// KeepLog, KeepPoint and KeepSpan return false for what is not to be sent; nil
	// keeps all. The attributes are those of the point.
	KeepLog   func(*resourcev1.Resource, *logsv1.LogRecord) bool
	KeepPoint func(*resourcev1.Resource, *metricsv1.Metric, []*commonv1.KeyValue) bool
	KeepSpan  func(*resourcev1.Resource, *tracev1.Span) bool

	Logs, Metrics, Traces Quota
	// Backoff is the wait after a failure that passes.
	Backoff Backoff
}

// Source sends log records, metrics and traces over OTLP, for example those of
// an eBPF agent, as much of them as its options allow. It has the controls of
// the eBPF receiver and of the processor ingest_control. It is safe for
// concurrent use.
type Source struct {
	logs    collectorlogsv1.LogsServiceClient
	metrics collectormetricsv1.MetricsServiceClient
	traces  collectortracev1.TraceServiceClient

	options                      SourceOptions
	logGate, pointGate, spanGate *ingestcontrol.Gate
}

// RejectedError reports records that the server did not take, although it took
// the others of the request.
type RejectedError struct {
	Count   int64
	Message string
}

// Error implements error.
func (e *RejectedError) Error() string {
	return fmt.Sprintf("the server rejected %d records: %s", e.Count, e.Message)
}

// NewSource returns a Source that sends over the connection, which stays the
// caller's: it leads to an OTLP receiver (port 4317).
func NewSource(conn grpc.ClientConnInterface, options SourceOptions) (*Source, error) {
	s := &Source{
		logs:    collectorlogsv1.NewLogsServiceClient(conn),
		metrics: collectormetricsv1.NewMetricsServiceClient(conn),
		traces:  collectortracev1.NewTraceServiceClient(conn),
		options: options,
	}
	for _, signal := range []struct {
		name  string
		quota Quota
		check func(*ingestcontrol.Config) error
		gate  **ingestcontrol.Gate
	}{
		{"Logs", options.Logs, (*ingestcontrol.Config).Check, &s.logGate},
		{"Metrics", options.Metrics, (*ingestcontrol.Config).CheckPoints, &s.pointGate},
		{"Traces", options.Traces, (*ingestcontrol.Config).Check, &s.spanGate},
	} {
		config := ingestcontrol.Config{Enabled: !signal.quota.Disabled, SamplingPercent: signal.quota.SamplingPercent, MaxPerSecond: signal.quota.MaxPerSecond}
		if config.SamplingPercent == 0 {
			config.SamplingPercent = 100
		}
		if err := signal.check(&config); err != nil {
			return nil, fmt.Errorf("%s: %w", signal.name, err)
		}
		*signal.gate = ingestcontrol.NewGate(config)
	}
	return s, nil
}

// SendLogs sends the records that the options let pass and waits until they are
// taken. Failures that pass are retried until ctx ends. The argument is not
// changed.
func (s *Source) SendLogs(ctx context.Context, list []*logsv1.ResourceLogs) error {
	request := &collectorlogsv1.ExportLogsServiceRequest{ResourceLogs: s.passLogs(list)}
	if len(request.GetResourceLogs()) == 0 {
		return nil
	}
	return s.retry(ctx, func() error {
		answer, err := s.logs.Export(ctx, request)
		return rejected(err, answer.GetPartialSuccess().GetRejectedLogRecords(), answer.GetPartialSuccess().GetErrorMessage())
	})
}

// SendMetrics sends points as SendLogs does records.
func (s *Source) SendMetrics(ctx context.Context, list []*metricsv1.ResourceMetrics) error {
	request := &collectormetricsv1.ExportMetricsServiceRequest{ResourceMetrics: s.passMetrics(list)}
	if len(request.GetResourceMetrics()) == 0 {
		return nil
	}
	return s.retry(ctx, func() error {
		answer, err := s.metrics.Export(ctx, request)
		return rejected(err, answer.GetPartialSuccess().GetRejectedDataPoints(), answer.GetPartialSuccess().GetErrorMessage())
	})
}

// SendTraces sends spans as SendLogs does records.
func (s *Source) SendTraces(ctx context.Context, list []*tracev1.ResourceSpans) error {
	request := &collectortracev1.ExportTraceServiceRequest{ResourceSpans: s.passTraces(list)}
	if len(request.GetResourceSpans()) == 0 {
		return nil
	}
	return s.retry(ctx, func() error {
		answer, err := s.traces.Export(ctx, request)
		return rejected(err, answer.GetPartialSuccess().GetRejectedSpans(), answer.GetPartialSuccess().GetErrorMessage())
	})
}

func rejected(err error, count int64, message string) error {
	if err == nil && count > 0 {
		return &RejectedError{Count: count, Message: message}
	}
	return err
}

// retry makes the call until it succeeds, fails for good or ctx ends.
func (s *Source) retry(ctx context.Context, call func() error) error {
	for failures := 0; ; failures++ {
		err := call()
		var refused *RejectedError
		if err == nil || errors.As(err, &refused) || !passes(err) {
			return err
		}
		if !sleep(ctx, max(s.options.Backoff.delay(failures), retryAfter(err))) {
			return err
		}
	}
}

// Dropped is how many records a Source did not send, by reason.
type Dropped struct{ Disabled, Filter, Sampling, RateLimit uint64 }

// Dropped returns what was not sent since the start.
func (s *Source) Dropped() (logs, metrics, traces Dropped) {
	return droppedBy(s.logGate), droppedBy(s.pointGate), droppedBy(s.spanGate)
}

func droppedBy(g *ingestcontrol.Gate) (d Dropped) {
	for reason, n := range g.Dropped() {
		switch reason {
		case ingestcontrol.ReasonDisabled:
			d.Disabled = n
		case ingestcontrol.ReasonFilter:
			d.Filter = n
		case ingestcontrol.ReasonSampling:
			d.Sampling = n
		case ingestcontrol.ReasonRateLimit:
			d.RateLimit = n
		}
	}
	return d
}
