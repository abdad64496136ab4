// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioreceiver

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/receiver/tapioreceiver/internal/metadata"
)

// pointSource is what this receiver needs of an extension for metrics.
type pointSource interface {
	AttachPoints(receiver component.ID, sink model.PointSink) (detach func(), err error)
}

var (
	_ receiver.Metrics = (*metricsReceiver)(nil)
	_ model.PointSink  = (*metricsReceiver)(nil)
)

// metricsReceiver takes what the extension counts and what its rules record.
type metricsReceiver struct {
	id        component.ID
	extension component.ID
	logger    *zap.Logger
	next      consumer.Metrics
	report    *receiverhelper.ObsReport
	detach    func()
}

func newMetricsReceiver(set receiver.Settings, cfg *Config, next consumer.Metrics) (*metricsReceiver, error) {
	report, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{ReceiverID: set.ID, ReceiverCreateSettings: set})
	if err != nil {
		return nil, err
	}
	return &metricsReceiver{id: set.ID, extension: cfg.Extension, logger: set.Logger, next: next, report: report, detach: func() {}}, nil
}

// Start attaches to the extension: from now on points reach the pipeline.
func (r *metricsReceiver) Start(_ context.Context, host component.Host) error {
	source, err := find[pointSource](host, r.id, r.extension, "has no metrics")
	if err != nil {
		return err
	}
	detach, err := source.AttachPoints(r.id, r)
	if err != nil {
		return fmt.Errorf("receivers::%s::extension: %w", r.id, err)
	}
	r.detach = detach
	logStart(r.logger, r.extension)
	return nil
}

// Shutdown waits for writes under way. It is safe without Start.
func (r *metricsReceiver) Shutdown(context.Context) error {
	r.detach()
	return nil
}

// WritePoints implements model.PointSink.
func (r *metricsReceiver) WritePoints(ctx context.Context, points []model.Point) error {
	ctx = r.report.StartMetricsOp(ctx)
	err := r.next.ConsumeMetrics(ctx, otlp.MetricsFromPoints(points))
	r.report.EndMetricsOp(ctx, metadata.Type.String(), len(points), err)
	return err
}
