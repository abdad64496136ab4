// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioexporter

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

// logStart logs the effective settings.
func (e *tapioExporter) logStart() {
	e.logger.Info("tapio exporter started", zap.Stringer("extension", e.extension),
		zap.Bool("records_senders", e.senders != nil), zap.Bool("counts_records", e.counters != nil))
}

// The values of the attribute signal.
const (
	logsSignal    = "logs"
	tracesSignal  = "traces"
	metricsSignal = "metrics"

	profilesSignal = "profiles"
)

func ofSignal(signal string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("signal", signal)))
}

// measure counts a batch: its records, and the time from its arrival here until it is
// stored.
func (e *tapioExporter) measure(ctx context.Context, signal string, records int, arrived time.Time) {
	e.telemetry.TapioExporterBatchSize.Record(ctx, int64(records), ofSignal(signal))
	e.telemetry.TapioExporterBatchDuration.Record(ctx, time.Since(arrived).Seconds(), ofSignal(signal))
}

// corrected counts records whose time was moved to their arrival, and logs the first.
func (e *tapioExporter) corrected(ctx context.Context, signal string, records int) {
	if records == 0 {
		return
	}
	e.telemetry.TapioExporterImplausibleTimes.Add(ctx, int64(records), ofSignal(signal))
	e.warned.Do(func() {
		e.logger.Warn("records have implausible times and are stored at the time of their arrival; "+
			"further ones are counted in otelcol_tapio_exporter_implausible_times",
			zap.String("signal", signal), zap.Int("records", records))
	})
}
