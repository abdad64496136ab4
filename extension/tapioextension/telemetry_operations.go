// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tapio/tapio/extension/tapioextension/internal/archiving"
	"github.com/tapio/tapio/extension/tapioextension/internal/metadata"
	"github.com/tapio/tapio/extension/tapioextension/internal/notify"
	"github.com/tapio/tapio/extension/tapioextension/internal/redisstate"
	"github.com/tapio/tapio/extension/tapioextension/internal/slo"
	"github.com/tapio/tapio/internal/archive"
)

func (e *tapioExtension) observeNotifier(builder *metadata.TelemetryBuilder) error {
	notifier := e.notifier
	eachReceiver := func(figure func(*notify.ReceiverStats) uint64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			for _, r := range notifier.Receivers() {
				o.Observe(int64(figure(&r)), metric.WithAttributes(attribute.String("receiver", r.Name)))
			}
			return nil
		}
	}
	return errors.Join(
		builder.RegisterTapioNotifyDeadLettersCallback(func(_ context.Context, o metric.Int64Observer) error {
			for key, n := range notifier.DeadLetters() {
				o.Observe(int64(n), metric.WithAttributes(attribute.String("receiver", key.Receiver), attribute.String("reason", key.Reason)))
			}
			return nil
		}),
		builder.RegisterTapioNotifyFailedCallback(eachReceiver(func(r *notify.ReceiverStats) uint64 { return r.Failed })),
		builder.RegisterTapioNotifyQueueSizeCallback(eachReceiver(func(r *notify.ReceiverStats) uint64 { return uint64(r.QueuedBytes) })),
		builder.RegisterTapioNotifySentCallback(eachReceiver(func(r *notify.ReceiverStats) uint64 { return r.Sent })),
		builder.RegisterTapioNotifySilencedCallback(single(notifier.Silenced)),
		builder.RegisterTapioNotifySkippedCallback(labelled("reason", notifier.Skipped)),
	)
}

// observeArchive publishes the figures of the archive.
func observeArchive(builder *metadata.TelemetryBuilder, of *archiving.Archive) error {
	bySignal := func(figures func(archive.Stats) map[string]uint64) metric.Int64Callback {
		return labelled("signal", func() map[string]uint64 { return figures(of.Stats()) })
	}
	return errors.Join(
		builder.RegisterTapioArchiveDroppedCallback(func(_ context.Context, o metric.Int64Observer) error {
			for key, n := range of.Stats().Dropped {
				o.Observe(int64(n), metric.WithAttributes(attribute.String("signal", key.Signal), attribute.String("reason", key.Reason)))
			}
			return nil
		}),
		builder.RegisterTapioArchiveFailedCallback(single(func() uint64 { return of.Stats().Failed })),
		builder.RegisterTapioArchiveRecordsCallback(bySignal(func(s archive.Stats) map[string]uint64 { return s.Records })),
		builder.RegisterTapioArchiveSizeCallback(bySignal(func(s archive.Stats) map[string]uint64 { return s.Bytes })),
		builder.RegisterTapioArchiveWaitingCallback(bySignal(func(s archive.Stats) map[string]uint64 { return s.Waiting })),
	)
}

// observeShared publishes the figures of the state that is shared through Redis.
func observeShared(builder *metadata.TelemetryBuilder, of *redisstate.State) error {
	return errors.Join(
		builder.RegisterTapioRedisDroppedCallback(labelled("reason", func() map[string]uint64 { return of.Stats().Dropped })),
		builder.RegisterTapioRedisFailedCallback(single(func() uint64 { return of.Stats().Failures })),
		builder.RegisterTapioRedisLeadingCallback(single(func() uint64 {
			if of.Stats().Leading {
				return 1
			}
			return 0
		})),
	)
}

func (e *tapioExtension) observeSLOs(builder *metadata.TelemetryBuilder) error {
	tracker := e.slos
	each := func(figure func(*slo.Status) float64) metric.Float64Callback {
		return func(_ context.Context, o metric.Float64Observer) error {
			for _, s := range tracker.Statuses() {
				o.Observe(figure(&s), metric.WithAttributes(sloAttributes(&s.Objective)...))
			}
			return nil
		}
	}
	return errors.Join(
		builder.RegisterTapioSloBadRequestsCallback(each(func(s *slo.Status) float64 { return s.TotalBad })),
		builder.RegisterTapioSloBudgetRemainingCallback(each(func(s *slo.Status) float64 { return s.BudgetRemaining })),
		builder.RegisterTapioSloRequestsCallback(each(func(s *slo.Status) float64 { return s.TotalRequests })),
		builder.RegisterTapioSloTargetCallback(each(func(s *slo.Status) float64 { return s.Objective.Target })),
		builder.RegisterTapioSloRefusedCallback(single(tracker.Refused)),
		builder.RegisterTapioSloBurnRateCallback(func(_ context.Context, o metric.Float64Observer) error {
			for _, s := range tracker.Statuses() {
				for window, rate := range burnRates(&s) {
					attributes := append(sloAttributes(&s.Objective), attribute.String("window", slo.Window(window)))
					o.Observe(rate, metric.WithAttributes(attributes...))
				}
			}
			return nil
		}),
	)
}

// burnRates are those of each window, of which several alerts may use one.
func burnRates(s *slo.Status) map[time.Duration]float64 {
	rates := map[time.Duration]float64{}
	for _, b := range s.Burn {
		rates[b.Alert.Long], rates[b.Alert.Short] = b.LongRate, b.ShortRate
	}
	return rates
}

func sloAttributes(o *slo.Objective) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("slo", o.Name), attribute.String("slo_type", string(o.Type)), attribute.String("service", o.Service),
		attribute.String("operation", o.Operation), attribute.Bool("automatic", o.Automatic),
	}
}
