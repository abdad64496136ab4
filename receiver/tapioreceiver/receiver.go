// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioreceiver

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/receiver/tapioreceiver/internal/metadata"
)

// eventSource is what this receiver needs of an extension.
type eventSource interface {
	AttachEvents(receiver component.ID, sink model.EventSink) (detach func(), err error)
}

var (
	_ receiver.Logs   = (*tapioReceiver)(nil)
	_ model.EventSink = (*tapioReceiver)(nil)
)

type tapioReceiver struct {
	id        component.ID
	extension component.ID
	logger    *zap.Logger
	next      consumer.Logs
	report    *receiverhelper.ObsReport
	detach    func()
}

func newReceiver(set receiver.Settings, cfg *Config, next consumer.Logs) (*tapioReceiver, error) {
	report, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: set.ID, Transport: "grpc", ReceiverCreateSettings: set,
	})
	if err != nil {
		return nil, err
	}
	return &tapioReceiver{id: set.ID, extension: cfg.Extension, logger: set.Logger, next: next, report: report, detach: func() {}}, nil
}

// Start attaches to the extension: from now on writes reach the pipeline.
func (r *tapioReceiver) Start(_ context.Context, host component.Host) error {
	source, err := find[eventSource](host, r.id, r.extension, "takes no events")
	if err != nil {
		return err
	}
	detach, err := source.AttachEvents(r.id, r)
	if err != nil {
		return fmt.Errorf("receivers::%s::extension: %w", r.id, err)
	}
	r.detach = detach
	logStart(r.logger, r.extension)
	return nil
}

// logStart logs the effective settings.
func logStart(logger *zap.Logger, extension component.ID, more ...zap.Field) {
	logger.Info("tapio receiver started", append([]zap.Field{zap.Stringer("extension", extension)}, more...)...)
}

// find returns the extension, which must be a source of that kind.
func find[Source any](host component.Host, receiver, extension component.ID, lacks string) (source Source, err error) {
	found, ok := host.GetExtensions()[extension]
	if !ok {
		return source, fmt.Errorf("receivers::%[1]s::extension: there is no extension %[2]q: "+
			"add `%[2]s:` under extensions and %[2]q to service::extensions", receiver, extension)
	}
	source, ok = found.(Source)
	if !ok {
		return source, fmt.Errorf("receivers::%s::extension: extension %q %s: "+
			"name a tapio extension, for example `extension: tapio`", receiver, extension, lacks)
	}
	return source, nil
}

// Shutdown waits for writes under way; later ones are refused by the extension.
// It is safe without Start.
func (r *tapioReceiver) Shutdown(context.Context) error {
	r.detach()
	return nil
}

// WriteEvents implements model.EventSink.
func (r *tapioReceiver) WriteEvents(ctx context.Context, events []model.Event) error {
	return r.consume(ctx, otlp.LogsFromEvents(events), len(events), "words")
}

// WritePayload implements model.EventSink.
func (r *tapioReceiver) WritePayload(ctx context.Context, payload []byte) (int, error) {
	logs, err := otlp.LogsFromPayload(payload)
	if err != nil {
		return 0, err // a *model.FieldError of "payload"
	}
	n := logs.LogRecordCount()
	if n == 0 {
		return 0, nil
	}
	return n, r.consume(ctx, logs, n, "protobuf")
}

func (r *tapioReceiver) consume(ctx context.Context, logs plog.Logs, n int, format string) error {
	if span, ok := model.SpanFromContext(ctx); ok {
		otlp.SetSpan(logs, span)
	}
	ctx = r.report.StartLogsOp(ctx)
	err := r.next.ConsumeLogs(ctx, logs)
	r.report.EndLogsOp(ctx, metadata.Type.String()+"_"+format, n, err)
	return err
}
