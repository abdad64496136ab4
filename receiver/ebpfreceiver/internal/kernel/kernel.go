//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// Kernel holds what the probes have in the kernel: the maps that all of them
// share, and each one's own programs, maps and links.
type Kernel struct {
	shared map[string]*ebpf.Map
	loaded map[string]*Programs // by probe
	clock  Clock
	types  *btf.Cache // of the kernel; nil: each load decodes them again

	measuring io.Closer
}

// Open makes the ring buffer, of that size, and the account of it.
func Open(ringBytes uint32) (*Kernel, error) {
	// Before Linux 5.11 maps count against the limit of locked memory; without
	// the right to lift it a later error says more than this one would.
	_ = rlimit.RemoveMemlock()
	spec, err := bpf.LoadProcess()
	if err != nil {
		return nil, err
	}
	spec.Maps[bpf.ProcessMapEvents].MaxEntries = ringBytes
	k := &Kernel{shared: map[string]*ebpf.Map{}, loaded: map[string]*Programs{}, types: btf.NewCache()}
	for _, name := range []string{bpf.ProcessMapEvents, bpf.ProcessMapAccounts} {
		if k.shared[name], err = ebpf.NewMap(spec.Maps[name]); err != nil {
			return nil, errors.Join(fmt.Errorf("make the map %s: %w", name, err), k.Close())
		}
	}
	if err := k.shareThreads(); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, k.SetClock()
}

// SetClock takes the clocks' distance again; someone may have set the wall's.
func (k *Kernel) SetClock() error {
	var monotonic, boot unix.Timespec
	err := errors.Join(unix.ClockGettime(unix.CLOCK_MONOTONIC, &monotonic), unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot))
	now := time.Now().UnixNano()
	k.clock = Clock{monotonic: now - monotonic.Nano(), boot: now - boot.Nano()}
	return err
}

// Clock converts times.
func (k *Kernel) Clock() Clock { return k.clock }

// Ring returns the map that Reader reads.
func (k *Kernel) Ring() *ebpf.Map { return k.shared[bpf.ProcessMapEvents] }

// Close detaches and unloads everything.
func (k *Kernel) Close() error {
	var errs []error
	for _, p := range k.loaded {
		errs = append(errs, p.close())
	}
	if k.measuring != nil {
		errs = append(errs, k.measuring.Close())
	}
	for _, m := range k.shared {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

// ForgetTypes gives back the memory of the kernel's own types, some 20 MB that
// only loading needs. At once, for nothing else may make garbage enough for a
// collection for a long time.
func (k *Kernel) ForgetTypes() {
	k.types = nil
	debug.FreeOSMemory()
}

// Programs are one probe's, in the kernel.
type Programs struct {
	kernel   *Kernel
	Maps     map[string]*ebpf.Map
	programs []*ebpf.Program
	links    []link.Link
	iters    map[string]*link.Iter
	calls    map[string]*ebpf.Program // of type syscall, which run when they are called
	Waiting  map[string]*ebpf.Program // for libraries and clocks to attach to
}

// Load makes the probe's maps and loads and attaches its features one by one, as
// one that the kernel refuses must not take the others with it. Set variables
// and sizes of maps in the spec before.
func (k *Kernel) Load(probe string, spec *ebpf.CollectionSpec, features []Feature) (*Programs, []Gap) {
	p := &Programs{kernel: k, Maps: map[string]*ebpf.Map{}, iters: map[string]*link.Iter{}, calls: map[string]*ebpf.Program{}, Waiting: map[string]*ebpf.Program{}}
	if err := p.makeMaps(spec, k.shared); err != nil {
		var gaps []Gap
		for _, f := range features {
			gaps = append(gaps, Gap{Probe: probe, Feature: f.Name, Reason: reasonOf(err), Err: err})
		}
		return p, append(gaps, closeGap(probe, p)...)
	}
	k.loaded[probe] = p
	return p, k.attach(p, probe, spec, features)
}

// Attach adds features to a probe that is loaded.
func (k *Kernel) Attach(probe string, spec *ebpf.CollectionSpec, features []Feature) []Gap {
	p, ok := k.loaded[probe]
	if !ok {
		return nil // there is a gap for its maps
	}
	return k.attach(p, probe, spec, features)
}

func (k *Kernel) attach(p *Programs, probe string, spec *ebpf.CollectionSpec, features []Feature) (gaps []Gap) {
	for _, f := range features {
		if err := p.attachOneWay(spec, k.shared, f); err != nil {
			gaps = append(gaps, Gap{Probe: probe, Feature: f.Name, Reason: reasonOf(err), Err: err, Since: f.Since})
		}
	}
	return gaps
}

func closeGap(probe string, p *Programs) []Gap {
	if err := p.close(); err != nil {
		return []Gap{{Probe: probe, Feature: "maps", Reason: Refused, Err: err}}
	}
	return nil
}

func (p *Programs) makeMaps(spec *ebpf.CollectionSpec, shared map[string]*ebpf.Map) error {
	own := spec.Copy()
	own.Programs = nil
	for name := range shared {
		delete(own.Maps, name)
	}
	made, err := ebpf.NewCollection(own)
	if err != nil {
		return fmt.Errorf("make the maps: %w", err)
	}
	p.Maps = made.Maps
	return nil
}

// attachOneWay returns why the first way was not to be had: the later ones are
// for older kernels and would blame the wrong thing.
func (p *Programs) attachOneWay(spec *ebpf.CollectionSpec, shared map[string]*ebpf.Map, f Feature) error {
	var first error
	for _, way := range f.Ways {
		err := p.attach(spec, shared, way, f.Over)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

func (p *Programs) attach(spec *ebpf.CollectionSpec, shared map[string]*ebpf.Map, names []string, over string) error {
	programs, links := len(p.programs), len(p.links)
	for _, name := range names {
		if err := p.attachProgram(spec, shared, name, over); err != nil {
			for _, l := range p.links[links:] {
				_ = l.Close()
			}
			for _, program := range p.programs[programs:] {
				_ = program.Close()
			}
			p.links, p.programs = p.links[:links], p.programs[:programs]
			return fmt.Errorf("%s: %w", spec.Programs[name].SectionName, err)
		}
	}
	return nil
}

func (p *Programs) attachProgram(spec *ebpf.CollectionSpec, shared map[string]*ebpf.Map, name, over string) error {
	one := spec.Copy()
	if v1, ok := one.Variables["v1_memory"]; ok {
		if err := v1.Set(identity.MemoryIsV1()); err != nil {
			return err
		}
	}
	for other := range one.Programs {
		if other != name {
			delete(one.Programs, other)
		}
	}
	replaced := map[string]*ebpf.Map{}
	for name := range one.Maps {
		if m, ok := shared[name]; ok {
			replaced[name] = m
			one.Maps[name].MaxEntries = m.MaxEntries()
		} else {
			replaced[name] = p.Maps[name]
		}
	}
	loaded, err := ebpf.NewCollectionWithOptions(one, ebpf.CollectionOptions{MapReplacements: replaced, Cache: p.kernel.types})
	if err != nil {
		return err
	}
	defer loaded.Close()
	program := loaded.DetachProgram(name)
	p.programs = append(p.programs, program)
	return p.link(spec.Programs[name], program, over)
}

func (p *Programs) link(spec *ebpf.ProgramSpec, program *ebpf.Program, over string) (err error) {
	var l link.Link
	switch {
	case spec.Type == ebpf.Tracing && spec.AttachType == ebpf.AttachTraceIter:
		iter, err := link.AttachIter(link.IterOptions{Program: program, Map: p.Maps[over]})
		if err == nil {
			p.iters[spec.Name] = iter
		}
		return err
	case spec.Type == ebpf.Syscall:
		p.calls[spec.Name] = program
		return nil
	case spec.AttachType == ebpf.AttachTraceUprobeMulti, spec.Type == ebpf.PerfEvent:
		p.Waiting[spec.Name] = program
		return nil
	case spec.Type == ebpf.Tracing:
		l, err = link.AttachTracing(link.TracingOptions{Program: program})
	case spec.Type == ebpf.RawTracepoint:
		l, err = link.AttachRawTracepoint(link.RawTracepointOptions{Name: spec.AttachTo, Program: program})
	case spec.Type == ebpf.TracePoint:
		group, name, _ := strings.Cut(spec.AttachTo, "/")
		l, err = link.Tracepoint(group, name, program, nil)
	case spec.Type == ebpf.Kprobe:
		l, err = link.Kprobe(spec.AttachTo, program, nil)
	default:
		return fmt.Errorf("a program of type %s: %w", spec.Type, ebpf.ErrNotSupported)
	}
	if err == nil {
		p.links = append(p.links, l)
	}
	return err
}

// Iterate lets the iterator walk once, or runs the program that does so itself. It writes
// nothing, but may send records.
func (p *Programs) Iterate(name string) error {
	if program, ok := p.calls[name]; ok {
		if _, err := program.Run(&ebpf.RunOptions{}); err != nil {
			return fmt.Errorf("run %s: %w", name, err)
		}
		return nil
	}
	iter, ok := p.iters[name]
	if !ok {
		return nil // there is a gap for it
	}
	walk, err := iter.Open()
	if err != nil {
		return fmt.Errorf("begin to walk with %s: %w", name, err)
	}
	if _, err := io.Copy(io.Discard, walk); err != nil {
		return errors.Join(fmt.Errorf("walk with %s: %w", name, err), walk.Close())
	}
	return walk.Close()
}

func (p *Programs) close() error {
	var errs []error
	for _, l := range slices.Backward(p.links) {
		errs = append(errs, l.Close())
	}
	for _, iter := range p.iters {
		errs = append(errs, iter.Close())
	}
	for _, program := range p.programs {
		errs = append(errs, program.Close())
	}
	for _, m := range p.Maps {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}
