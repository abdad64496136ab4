// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tapio/tapio/internal/ingestcontrol"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

// observeSelf publishes the metrics that exist without any program in the kernel too: what
// is missing belongs beside the rest.
func (r *ebpfReceiver) observeSelf(gaps []kernel.Gap) error {
	return errors.Join(
		r.telemetry.RegisterTapioEbpfDroppedCallback(r.sink.observeDropped),
		r.telemetry.RegisterTapioEbpfUnavailableCallback(func(_ context.Context, o metric.Int64Observer) error {
			for _, gap := range gaps {
				o.Observe(1, byProbe(gap.Probe, attribute.String("feature", gap.Feature), attribute.String("reason", string(gap.Reason))))
			}
			return nil
		}),
	)
}

// observe publishes the account of the watch as the collector's own metrics,
// read when they are collected.
func (r *ebpfReceiver) observe(w *watch) error {
	return errors.Join(
		r.telemetry.RegisterTapioEbpfEventsCallback(w.eachProbe(func(o metric.Int64Observer, p probe.Probe) error {
			o.Observe(int64(w.received[p.Number()].Load()), byProbe(p.Name()))
			return nil
		})),
		r.telemetry.RegisterTapioEbpfPanicsCallback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(w.panics.Total()))
			return nil
		}),
		r.telemetry.RegisterTapioEbpfProfilerExitsCallback(w.eachProbe(func(o metric.Int64Observer, p probe.Probe) error {
			if runner, ok := p.(probe.Runner); ok {
				o.Observe(int64(runner.Exits()))
			}
			return nil
		})),
		r.telemetry.RegisterTapioEbpfLostCallback(w.eachProbe(w.observeLost)),
		r.telemetry.RegisterTapioEbpfMapMemoryCallback(w.observeMemory),
		r.telemetry.RegisterTapioEbpfProgramRunsCallback(w.eachProbe(func(o metric.Int64Observer, p probe.Probe) error {
			cost, err := w.kernel.Cost(p.Name())
			o.Observe(int64(cost.Runs), byProbe(p.Name()))
			return err
		})),
		r.telemetry.RegisterTapioEbpfProgramRunTimeCallback(w.observeRunTime),
		r.telemetry.RegisterTapioEbpfSyscallsCallback(w.eachProbe(observeSampling)),
	)
}

func (s *sink) observeDropped(_ context.Context, o metric.Int64Observer) error {
	for signal, gate := range map[string]*gate{"logs": s.logGate, "metrics": s.pointGate, "traces": s.spanGate, "profiles": s.profileGate} {
		observe := func(stage string, n uint64) {
			o.Observe(int64(n), metric.WithAttributes(attribute.String("signal", signal), attribute.String("stage", stage)))
		}
		for reason, n := range gate.Dropped() {
			if reason != ingestcontrol.ReasonDisabled { // a signal that is off is no loss
				observe(reason.String(), n)
			}
		}
		observe("pipeline", gate.refused.Load())
	}
	return nil
}

func (w *watch) observeLost(o metric.Int64Observer, p probe.Probe) error {
	account, err := w.kernel.Account(p.Number())
	if err != nil {
		return err
	}
	cost, err := w.kernel.Cost(p.Name())
	if err != nil {
		return err
	}
	o.Observe(int64(cost.Missed), byProbe(p.Name(), attribute.String("stage", "missed")))
	o.Observe(int64(account.Lost), byProbe(p.Name(), attribute.String("stage", "ring_buffer")))
	o.Observe(int64(w.undecoded[p.Number()].Load()), byProbe(p.Name(), attribute.String("stage", "decode")))
	if loser, ok := p.(probe.Loser); ok {
		for stage, n := range loser.Lost() {
			o.Observe(int64(n), byProbe(p.Name(), attribute.String("stage", stage)))
		}
	}
	return nil
}

func observeSampling(o metric.Int64Observer, p probe.Probe) error {
	sampler, ok := p.(probe.Sampler)
	if !ok {
		return nil
	}
	timed, passed, err := sampler.Sampled()
	o.Observe(int64(timed), metric.WithAttributes(attribute.Bool("timed", true)))
	o.Observe(int64(passed), metric.WithAttributes(attribute.Bool("timed", false)))
	return err
}

func (w *watch) observeMemory(_ context.Context, o metric.Int64Observer) error {
	shared, err := w.kernel.Cost("")
	o.Observe(int64(shared.MapBytes), byProbe("shared"))
	errs := []error{err}
	for _, p := range w.probes {
		cost, err := w.kernel.Cost(p.Name())
		o.Observe(int64(cost.MapBytes), byProbe(p.Name()))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (w *watch) observeRunTime(_ context.Context, o metric.Float64Observer) error {
	var errs []error
	for _, p := range w.probes {
		cost, err := w.kernel.Cost(p.Name())
		o.Observe(cost.RunTime.Seconds(), byProbe(p.Name()))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (w *watch) eachProbe(figure func(metric.Int64Observer, probe.Probe) error) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		var errs []error
		for _, p := range w.probes {
			errs = append(errs, figure(o, p))
		}
		return errors.Join(errs...)
	}
}

func byProbe(name string, more ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributes(append(more, attribute.String("probe", name))...)
}
