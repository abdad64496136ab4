// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

// run starts the watch and reports what of it is missing.
func (r *ebpfReceiver) run() (stop func(context.Context) error, err error) {
	probes := r.config.Probes
	probes.Profile.Enabled = probes.Profile.Enabled && r.sink.wantsProfiles()
	w, gaps, err := newWatch(r.config, probe.New(&probes, r.set), r.set, r.sink)
	if err != nil {
		return nil, err
	}
	for _, gap := range gaps {
		// Named in the message, for of one that repeats the collector's log keeps ten.
		message := "a feature is off: "
		if gap.Partial {
			message = "a feature is limited: "
		}
		r.set.Logger.Warn(message+gap.Probe+", "+gap.Feature, zap.String("probe", gap.Probe), zap.String("feature", gap.Feature),
			zap.String("reason", string(gap.Reason)), zap.Error(gap))
	}
	if missing := kernel.Together(gaps); missing != nil {
		if r.config.ErrorMode == ErrorModePropagate {
			return nil, errors.Join(fmt.Errorf("error_mode is propagate, and some features cannot be had: %w", missing), w.close())
		}
		r.report(componentstatus.NewPermanentErrorEvent(fmt.Errorf("the ebpf receiver runs without some features: %w", missing)))
	}
	r.logStart(gaps, w)
	err = r.observeSelf(gaps)
	if w == nil {
		return r.stopTelling, err
	}
	if err := errors.Join(err, r.observe(w)); err != nil {
		return nil, errors.Join(err, w.close())
	}
	w.onLoss, w.onPanic = r.reportLoss, r.reportPanic
	w.senders = newSenderSearch(r.hosts[0], func(err error) {
		r.set.Logger.Error("failed to find the processes of exports", zap.Error(err))
	})
	w.start()
	return func(ctx context.Context) error {
		w.senders.stop()
		return errors.Join(r.stopTelling(ctx), w.shutdown(ctx))
	}, nil
}

// logStart logs the effective settings.
func (r *ebpfReceiver) logStart(gaps []kernel.Gap, w *watch) {
	var attached []string
	if w != nil {
		for _, p := range w.probes {
			attached = append(attached, p.Name())
		}
	}
	r.set.Logger.Info("ebpf receiver started", zap.Strings("probes", attached), zap.Int("unavailable_features", len(gaps)),
		zap.Uint32("ring_buffer_size", uint32(r.config.RingBufferSize)), zap.Duration("collection_interval", r.config.CollectionInterval))
}

func (r *ebpfReceiver) stopTelling(context.Context) error {
	r.telemetry.Shutdown()
	return nil
}

// reportLoss logs losses, sets a recoverable status at the first one, and resets it after
// an interval without. The status of a receiver that lacks features stays permanent.
func (r *ebpfReceiver) reportLoss(lost loss) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if lost.any() {
		r.losses.Add("kernel", lost.total(), lost.err())
	}
	switch {
	case r.status != nil && r.status.Status() == componentstatus.StatusPermanentError:
	case lost.any() && (r.status == nil || r.status.Status() != componentstatus.StatusRecoverableError):
		r.report(componentstatus.NewRecoverableErrorEvent(lost.err()))
	case !lost.any() && r.status != nil && r.status.Status() == componentstatus.StatusRecoverableError:
		r.set.Logger.Info("no more records of the kernel are lost")
		r.report(componentstatus.NewEvent(componentstatus.StatusOK))
	}
}

// reportPanic sets a recoverable status after a panic, until an interval without loss.
func (r *ebpfReceiver) reportPanic(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status == nil || r.status.Status() == componentstatus.StatusOK {
		r.report(componentstatus.NewRecoverableErrorEvent(fmt.Errorf("the ebpf receiver recovered from a %w", err)))
	}
}
