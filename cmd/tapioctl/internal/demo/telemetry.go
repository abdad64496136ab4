// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/tapio/tapio/internal/semconv"
)

// The periods at which a service exports.
const (
	recordPeriod = time.Second
	metricPeriod = 5 * time.Second
)

// scope names what makes the telemetry.
const scope = "tapio.demo"

// telemetry is what an instrumented service reports with.
type telemetry struct {
	traces      *sdktrace.TracerProvider
	metrics     *sdkmetric.MeterProvider
	logs        *sdklog.LoggerProvider
	propagation propagation.TextMapPropagator
	log         *slog.Logger
	resource    *resource.Resource
}

// newTelemetry makes the providers of a service. What the flags do not set, the
// OTEL_EXPORTER_OTLP_* variables do.
func newTelemetry(ctx context.Context, s settings) (*telemetry, error) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { fmt.Fprintln(os.Stderr, err) }))
	of, err := newResource(ctx, s)
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(s.OTLP, "/")
	spans, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(base+"/v1/traces"))
	if err != nil {
		return nil, err
	}
	points, err := otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(base+"/v1/metrics"))
	if err != nil {
		return nil, err
	}
	records, err := otlploghttp.New(ctx, otlploghttp.WithEndpointURL(base+"/v1/logs"))
	if err != nil {
		return nil, err
	}
	t := &telemetry{
		traces: sdktrace.NewTracerProvider(sdktrace.WithResource(of),
			sdktrace.WithBatcher(spans, sdktrace.WithBatchTimeout(recordPeriod))),
		metrics: sdkmetric.NewMeterProvider(sdkmetric.WithResource(of),
			sdkmetric.WithReader(sdkmetric.NewPeriodicReader(points, sdkmetric.WithInterval(metricPeriod)))),
		logs: sdklog.NewLoggerProvider(sdklog.WithResource(of),
			sdklog.WithProcessor(sdklog.NewBatchProcessor(records, sdklog.WithExportInterval(recordPeriod)))),
		propagation: propagation.TraceContext{}, resource: of,
	}
	// Its records carry the trace of the context.
	t.log = slog.New(otelslog.NewHandler(scope, otelslog.WithLoggerProvider(t.logs)))
	return t, t.reportUsage()
}

func newResource(ctx context.Context, s settings) (*resource.Resource, error) {
	return resource.New(ctx, resource.WithHost(), resource.WithProcessPID(), resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String(semconv.ServiceName, s.Service),
		attribute.String(semconv.ServiceNamespace, "demo-shop"),
		attribute.String(semconv.ServiceVersion, s.Version),
		attribute.String(semconv.ServiceInstanceID, uuid.NewString()),
		attribute.String(semconv.DeploymentEnvironmentName, "demo"),
	))
}

func (t *telemetry) meter() metric.Meter { return t.metrics.Meter(scope) }

// inSpan runs do within a span that carries its error.
func (t *telemetry) inSpan(
	ctx context.Context, name string, kind trace.SpanKind, attributes []attribute.KeyValue, do func(context.Context) error,
) error {
	ctx, span := t.traces.Tracer(scope).Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attributes...))
	defer span.End()
	err := do(ctx)
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
	}
	return err
}

// stop exports what is left, for at most a second.
func (t *telemetry) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return errors.Join(t.traces.Shutdown(ctx), t.metrics.Shutdown(ctx), t.logs.Shutdown(ctx))
}
