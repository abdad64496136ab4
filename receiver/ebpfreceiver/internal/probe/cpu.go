//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"time"

	"github.com/cilium/ebpf"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

type runTimes struct {
	Start  uint64
	Cgroup uint64
	OnCPU  uint64
	Waits  histogram
}

type cpu struct {
	runs      *counter[uint32, runTimes]
	overflow  *ebpf.Map
	series    *series[program, runTimes]
	throttles throttles
	noWaits   bool // only time on a CPU is counted
	wait      Metric
	time      Metric
}

func newCPU() *cpu {
	return &cpu{
		series: newSeries[program, runTimes](),
		wait: Metric{
			Name: "tapio.cpu.run_queue.duration", Unit: "s", Bounds: durationBounds(),
			Description: "How long threads that could run waited for a CPU, by program.",
		},
		time:      Metric{Name: "tapio.cpu.time", Unit: "s", Description: "Time that threads were on a CPU, by program."},
		throttles: newThrottles(),
	}
}

func (*cpu) Name() string   { return "cpu" }
func (*cpu) Number() Number { return NumberCPU }

// Attach implements Probe.
func (p *cpu) Attach(k *Kernel) []Gap {
	spec, err := bpf.LoadCpu()
	if err != nil {
		return []Gap{{Probe: p.Name(), Feature: "all", Reason: Refused, Err: err}}
	}
	loaded, gaps := k.Load(p.Name(), spec, []Feature{
		{Name: "run_queue", Ways: [][]string{{bpf.CpuProgOnWakeup, bpf.CpuProgOnWakeupNew, bpf.CpuProgOnSwitch}}},
	})
	if loaded.Maps[bpf.CpuMapRuns] == nil {
		return gaps
	}
	if len(gaps) > 0 {
		// Time on a CPU can be had without the kernel's description of its types.
		more := k.Attach(p.Name(), spec, []Feature{{Name: "time", Ways: [][]string{{bpf.CpuProgOnPlainSwitch}}}})
		if gaps = append(gaps, more...); len(more) > 0 {
			return gaps
		}
		p.noWaits = true
	}
	p.overflow = loaded.Maps[bpf.CpuMapOverflow]
	p.runs = newCounter[uint32, runTimes](loaded.Maps[bpf.CpuMapRuns], func(pid uint32) uint32 { return pid })
	return gaps
}

// Decode implements Probe: there are no records.
func (*cpu) Decode(uint32, []byte, *Batch) error { return errUnknownKind }

// Collect implements Probe.
func (p *cpu) Collect(out *Batch) error {
	p.throttles.collect(out)
	if p.runs == nil {
		return nil
	}
	err := p.runs.read(func(pid uint32, now, before *runTimes) {
		of := out.Table.Lookup(identity.KeyAt(pid, now.Start), now.Cgroup)
		if sums := p.series.of(program{of.Place, of.Name}, out.Last, out.Now); sums != nil {
			sums.OnCPU += now.OnCPU - before.OnCPU
			sums.Waits.grow(&now.Waits, &before.Waits)
		}
	})
	p.series.changed(out.Now, func(key program, sums *runTimes, since time.Time) {
		out.Since = since
		ran := out.Count(&p.time, key.place, "")
		ran.SetDoubleValue(float64(sums.OnCPU) / 1e9)
		putText(ran.Attributes(), otlp.ProcessExecutable, key.name)
		if p.noWaits {
			return
		}
		waited := out.Histogram(&p.wait, key.place, "", sums.Waits.Buckets[:], sums.Waits.seconds())
		putText(waited.Attributes(), otlp.ProcessExecutable, key.name)
	})
	return err
}

// Overflow implements Overflower.
func (p *cpu) Overflow() (uint64, error) { return readOverflow(p.overflow, p.series.full.Load()) }
