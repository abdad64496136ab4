//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/cilium/ebpf"
	"go.opentelemetry.io/collector/receiver"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/protocol"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/symbols"
)

// Stages at which samples are lost, see the README.
const (
	lostSamples = "samples_map_full"
	lostStacks  = "stacks_map_full"
	lostThreads = "threads_full"
	lostQueue   = "symbolizer_queue_full"
)

// sampleDrain is how often samples are read: a process that ends before that leaves no
// symbols.
const sampleDrain = time.Second

// Profiler samples the stacks of the whole host. The kernel adds samples up; once a
// second they go to the symbolizer, which has a goroutine of its own, as reading the
// symbols of a large program takes longer than the ring buffer of the other probes lasts.
type Profiler struct {
	config     *Config
	programs   *kernel.Programs
	cpu        cpuSampling
	symbolizer *symbolizer
	generation uint32
	drained    time.Time
	began      time.Time // the interval
	hops       *protocol.Hops
	served     []servedSample
	unwound    unwoundSamples
	kernel.Losses
}

// New makes the probe. It links samples to the requests that hops knows.
func New(c *Config, h *protocol.Hops, set receiver.Settings) *Profiler {
	p := &Profiler{config: c, hops: h}
	p.cpu.config, p.cpu.set = c, set
	return p
}

// Name implements probe.Probe.
func (*Profiler) Name() string { return "profile" }

// Number implements probe.Probe.
func (*Profiler) Number() kernel.Number { return kernel.NumberProfile }

// Attach implements Probe.
func (p *Profiler) Attach(k *kernel.Kernel) []kernel.Gap {
	spec, err := bpf.LoadProfile()
	if err != nil {
		return []kernel.Gap{kernel.Missing(p.Name(), "all", err)}
	}
	for name, perSecond := range map[string]uint32{bpf.ProfileVarExactOfCpu: minExactBlocks, bpf.ProfileVarExactOfThread: exactThreadsShare} {
		if err := spec.Variables[name].Set(max(1, p.config.ExactBlocksPerSecond/perSecond)); err != nil {
			return []kernel.Gap{kernel.Missing(p.Name(), "all", err)}
		}
	}
	samples, stacks := profileEntries(runtime.NumCPU())
	for name, entries := range map[string]uint32{
		bpf.ProfileMapSamplesEven: samples, bpf.ProfileMapSamplesOdd: samples, bpf.ProfileMapStacks: stacks,
	} {
		spec.Maps[name].MaxEntries = entries
	}
	var features []kernel.Feature
	if p.cpu.wantsClocks() {
		features = append(features, kernel.Feature{Name: onCPUFeature, Ways: [][]string{{bpf.ProfileProgOnClock}, {bpf.ProfileProgOnClockAlone}}})
	}
	if p.cpu.wantsOther() {
		features = append(features, kernel.Feature{Name: "on_cpu_links", Ways: [][]string{{bpf.ProfileProgOnClockServing}}})
	}
	if p.config.OffCPU {
		features = append(features, kernel.Feature{Name: "off_cpu", Ways: [][]string{{bpf.ProfileProgOnBlock}}})
	}
	loaded, gaps := k.Load(p.Name(), spec, features)
	p.programs = loaded
	if serving := loaded.Waiting[bpf.ProfileProgOnClockServing]; serving != nil {
		p.unwound.timeline = protocol.NewTimeline()
		p.hops.Keep(p.unwound.timeline)
		p.cpu.serving = newClocks(serving, p.config.Frequency)
	}
	if err := p.cpu.begin(cmp.Or(loaded.Waiting[bpf.ProfileProgOnClock], loaded.Waiting[bpf.ProfileProgOnClockAlone])); err != nil {
		gaps = append(gaps, kernel.Missing(p.Name(), onCPUFeature, err))
	}
	if len(gaps) == len(features) && p.cpu.other == nil {
		return gaps
	}
	p.began = time.Now()
	p.symbolizer = newSymbolizer(p.config, &p.Losses)
	gaps = append(gaps, p.unnamed()...)
	p.symbolizer.start()
	return gaps
}

// profileEntries is how many samples and stacks the kernel holds between two drains: 7 MiB
// in all up to 8 CPUs, by computation 36 MiB from 64 on.
func profileEntries(cpus int) (samples, stacks uint32) {
	return uint32(min(max(1024*cpus, 8192), 65536)), uint32(min(max(512*cpus, 4096), 16384))
}

// unnamed are the gaps that are left where functions may not be known.
func (p *Profiler) unnamed() (gaps []kernel.Gap) {
	if p.symbolizer.resolver.KernelHidden() {
		gaps = append(gaps, kernel.Gap{
			Probe: p.Name(), Feature: "kernel_symbols", Reason: kernel.NoPermission, Lacks: "CAP_SYSLOG", Partial: true,
			Err: errors.New("kernel functions have no names: kernel.kptr_restrict hides their addresses"),
		})
	}
	if err := p.symbolizer.resolver.OthersHidden(); err != nil {
		gaps = append(gaps, kernel.Gap{
			Probe: p.Name(), Feature: "user_symbols", Reason: kernel.NoPermission, Lacks: "CAP_SYS_PTRACE", Partial: true,
			Err: fmt.Errorf("functions of other users' programs have no names: %w", err),
		})
	}
	return gaps
}

const (
	onCPUFeature = "on_cpu"
	// exactThreadsShare is which part of the times of a CPU are those of one thread.
	exactThreadsShare = 12
)

// Collect implements Probe: an interval ends.
func (p *Profiler) Collect(out *emit.Batch) error {
	if p.symbolizer == nil {
		return nil
	}
	err := p.drain(out, false)
	if p.symbolizer.send(drainedSamples{began: p.began, ended: out.Now}) {
		p.began = out.Now // else the interval goes on, as its samples do
	}
	return errors.Join(err, p.cpu.refresh())
}

// Settle implements Settler: it adds the intervals that have been symbolized.
func (p *Profiler) Settle(out *emit.Batch, last bool) {
	if p.symbolizer == nil {
		return
	}
	p.cpu.decide(out.Now)
	if last || out.Now.Sub(p.drained) >= sampleDrain {
		if err := p.drain(out, last); err != nil {
			p.Add("read", 1)
		}
	}
	if last {
		p.symbolizer.send(drainedSamples{began: p.began, ended: time.Now()})
		p.symbolizer.finish()
	}
	for _, interval := range p.symbolizer.finished() {
		interval.put(out)
	}
}

// Exits implements probe.Runner.
func (p *Profiler) Exits() uint64 { return p.cpu.exits.Load() }

// Close implements io.Closer.
func (p *Profiler) Close() error {
	if p.symbolizer != nil {
		p.symbolizer.finish()
	}
	return p.cpu.Close()
}

var _ io.Closer = (*Profiler)(nil)

// sampleKey is bpf/profile.bpf.c's struct of that name.
type sampleKey struct {
	Start  uint64
	Cgroup uint64
	Image  uint64
	User   uint64
	Kernel uint64
	PID    uint32
	Thread uint32
	Comm   [16]byte
	Kind   uint32
	_      uint32
}

// Process is who the sample is of.
func (k *sampleKey) process() symbols.Process {
	return symbols.Process{PID: k.PID, Start: identity.KeyAt(k.PID, k.Start).Start, Image: k.Image}
}

type sampleSum struct {
	Count       uint64
	Nanoseconds uint64
}

// kernelStack is bpf/stack.h's struct stack.
type kernelStack struct {
	Frames uint64
	At     [maxStack]uint64
}

// maxStack is how many frames the kernel unwinds.
const maxStack = 127

// drain takes samples and stacks out of the kernel and gives them to the symbolizer; the
// last time nothing waits for what belongs to it.
func (p *Profiler) drain(out *emit.Batch, last bool) error {
	p.drained = out.Now
	full := p.programs.Maps[bpf.ProfileMapSamplesEven]
	if p.generation&1 == 1 {
		full = p.programs.Maps[bpf.ProfileMapSamplesOdd]
	}
	p.generation++
	err := p.programs.Maps[bpf.ProfileMapSampleGeneration].Update(uint32(0), p.generation, ebpf.UpdateAny)
	if err != nil {
		return fmt.Errorf("switch the maps of samples: %w", err)
	}
	batch := drainedSamples{stacks: map[uint64][]uint64{}, samples: p.takeServed()}
	batch.unwound = p.unwound.settle(p.cpu.take(&p.Losses), last, p.linkTo)
	err = takeAll(full, func(key *sampleKey, sum *sampleSum) {
		batch.samples = append(batch.samples, drainedSample{key: *key, sum: *sum})
	})
	err = errors.Join(err, takeAll(p.programs.Maps[bpf.ProfileMapStacks], func(hash *uint64, stack *kernelStack) {
		batch.stacks[*hash] = append([]uint64(nil), stack.At[:min(stack.Frames, maxStack)]...)
	}), p.missed())
	if len(batch.samples) > 0 || len(batch.stacks) > 0 || len(batch.unwound) > 0 {
		p.symbolizer.send(batch)
	}
	return err
}

// takeAll empties a map.
func takeAll[K, V any](m *ebpf.Map, take func(*K, *V)) error {
	const piece = 256
	keys, values := make([]K, piece), make([]V, piece)
	var cursor ebpf.MapBatchCursor
	for {
		n, err := m.BatchLookupAndDelete(&cursor, keys, values, nil)
		for i := range n {
			take(&keys[i], &values[i])
		}
		switch {
		case errors.Is(err, ebpf.ErrKeyNotExist):
			return nil
		case err != nil:
			return fmt.Errorf("empty the map %s: %w", m, err)
		}
	}
}

// missed reads what found no memory in the kernel.
func (p *Profiler) missed() (err error) {
	for i, stage := range []string{lostSamples, lostStacks, lostThreads} {
		n, e := kernel.SumPerCPU(p.programs.Maps[bpf.ProfileMapProfileLost], uint32(i))
		p.Set(stage, n)
		err = errors.Join(err, e)
	}
	return err
}
