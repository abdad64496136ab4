//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"time"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

type cpu struct {
	runs      *cpuRuns
	top       topPrograms
	series    *emit.Series[program, runSums]
	throttles throttles
	noWaits   bool // only time on a CPU is counted
	wait      emit.Metric
	time      emit.Metric
}

func newCPU(c *CPUConfig) *cpu {
	return &cpu{
		top: newTopPrograms(c.MaxPrograms), series: emit.NewSeries[program, runSums](c.MaxPrograms + 1),
		wait: emit.Metric{
			Name: semconv.MetricCPURunQueueDuration, Unit: "s",
			Description: "How long threads that could run waited for a CPU, by program.",
		},
		time:      emit.Metric{Name: semconv.MetricCPUTime, Unit: "s", Description: "Time that threads were on a CPU, by program."},
		throttles: newThrottles(),
	}
}

func (*cpu) Name() string          { return "cpu" }
func (*cpu) Number() kernel.Number { return kernel.NumberCPU }

// Attach implements Probe.
func (p *cpu) Attach(k *kernel.Kernel) []kernel.Gap {
	spec, err := bpf.LoadCpu()
	if err != nil {
		return []kernel.Gap{{Probe: p.Name(), Feature: "all", Reason: kernel.Refused, Err: err}}
	}
	loaded, gaps := k.Load(p.Name(), spec, []kernel.Feature{
		{Name: "run_queue", Ways: [][]string{{
			bpf.CpuProgOnWakeup, bpf.CpuProgOnWakeupNew, bpf.CpuProgOnExec, bpf.CpuProgOnMove, bpf.CpuProgOnSwitch,
		}}},
	})
	if loaded.Maps[bpf.CpuMapRuns] == nil {
		return gaps
	}
	if len(gaps) > 0 {
		// Time on a CPU can be had without the kernel's description of its types.
		more := k.Attach(p.Name(), spec, []kernel.Feature{{Name: "time", Ways: [][]string{{bpf.CpuProgOnPlainSwitch}}}})
		if gaps = append(gaps, more...); len(more) > 0 {
			return gaps
		}
		p.noWaits = true
	}
	p.runs = newCPURuns(loaded.Maps)
	return gaps
}

// Decode implements Probe: there are no records.
func (*cpu) Decode(uint32, []byte, *emit.Batch) error { return kernel.ErrUnknownKind }

// Collect implements Probe.
func (p *cpu) Collect(out *emit.Batch) error {
	p.throttles.collect(out)
	if p.runs == nil {
		return nil
	}
	grown, err := p.runs.read(out)
	rest := others(out.Table)
	ran := map[program]float64{}
	for of, sums := range grown {
		if of != rest {
			ran[of] = float64(sums.OnCPU)
		}
	}
	p.top.rank(ran)
	for of, sums := range grown {
		if !p.top.has(of) {
			of = rest
		}
		p.series.Of(of, rest, out.Last, out.Now).grow(sums, &runSums{})
	}
	p.series.Changed(out.Now, func(of program, sums *runSums, since time.Time) {
		out.Since = since
		ran := out.Count(&p.time, of.place)
		ran.SetDoubleValue(float64(sums.OnCPU) / 1e9)
		of.put(ran.Attributes())
		if !p.noWaits {
			of.put(out.Exponential(&p.wait, of.place, &sums.Waits).Attributes())
		}
	})
	return err
}
