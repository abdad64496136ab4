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
	err = r.observeSelf(gaps)
	if w == nil {
		return r.stopTelling, err
	}
	if err := errors.Join(err, r.observe(w)); err != nil {
		return nil, errors.Join(err, w.close())
	}
	w.onLoss, w.onPanic = r.tellLoss, r.tellPanic
	w.senders = newSenderSearch(r.hosts[0], func(err error) {
		r.set.Logger.Error("failed to find the processes of exports", zap.Error(err))
	})
	w.start()
	return func(ctx context.Context) error {
		w.senders.stop()
		return errors.Join(r.stopTelling(ctx), w.shutdown(ctx))
	}, nil
}

func (r *ebpfReceiver) stopTelling(context.Context) error {
	r.telemetry.Shutdown()
	return nil
}

// tellLoss makes of the first loss a status that can mend itself, and mends it
// after an interval without one. A receiver that lacks features keeps saying that.
func (r *ebpfReceiver) tellLoss(lost loss) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.status != nil && r.status.Status() == componentstatus.StatusPermanentError:
	case lost.any() && (r.status == nil || r.status.Status() != componentstatus.StatusRecoverableError):
		err := lost.err()
		r.set.Logger.Warn("records of the kernel were lost", zap.Error(err))
		r.report(componentstatus.NewRecoverableErrorEvent(err))
	case !lost.any() && r.status != nil && r.status.Status() == componentstatus.StatusRecoverableError:
		r.report(componentstatus.NewEvent(componentstatus.StatusOK))
	}
}

// tellPanic makes of a panic a status that ends with an interval without loss.
func (r *ebpfReceiver) tellPanic(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.status == nil || r.status.Status() == componentstatus.StatusOK {
		r.report(componentstatus.NewRecoverableErrorEvent(fmt.Errorf("the ebpf receiver recovered from a %w", err)))
	}
}
