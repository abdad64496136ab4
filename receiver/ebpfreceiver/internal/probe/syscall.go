//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

const kindSlow = uint32(NumberSyscall)<<8 | 1

type callKey struct {
	PID    uint32
	Number uint32
}

type callTimes struct {
	Start  uint64
	Cgroup uint64
	Errors uint64
	Times  histogram
}

type programCall struct {
	program
	number uint32
}

type syscalls struct {
	config   *SyscallConfig
	names    map[uint32]string
	calls    *counter[callKey, callTimes]
	budgets  *ebpf.Map
	overflow *ebpf.Map
	series   *series[programCall, callTimes]
	duration Metric
	errors   Metric
}

func newSyscalls(c *SyscallConfig) *syscalls {
	return &syscalls{
		config: c, names: syscallNames(), series: newSeries[programCall, callTimes](),
		duration: Metric{
			Name: "tapio.syscall.duration", Unit: "s", Bounds: durationBounds(),
			Description: "How long system calls took, by program and call; of many short ones one stands for several.",
		},
		errors: Metric{
			Name: "tapio.syscall.errors", Unit: "{call}", Description: "System calls that returned an error, by program and call.",
		},
	}
}

func (*syscalls) Name() string   { return "syscall" }
func (*syscalls) Number() Number { return NumberSyscall }

// Attach implements Probe.
func (p *syscalls) Attach(k *Kernel) []Gap {
	spec, err := bpf.LoadSyscall()
	if err == nil {
		err = errors.Join(
			spec.Variables[bpf.SyscallVarSlowNs].Set(uint64(p.config.SlowThreshold)),
			spec.Variables[bpf.SyscallVarOwnPid].Set(uint32(os.Getpid())),
			spec.Variables[bpf.SyscallVarWaiting].Set(p.waiting()),
			p.config.setSampling(spec.Variables, tick()),
		)
	}
	if err != nil {
		return []Gap{{Probe: p.Name(), Feature: "all", Reason: Refused, Err: err}}
	}
	loaded, gaps := k.Load(p.Name(), spec, []Feature{{Name: "calls", Ways: [][]string{
		{bpf.SyscallProgOnEnter, bpf.SyscallProgOnExit},
		{bpf.SyscallProgOnPlainEnter, bpf.SyscallProgOnPlainExit}, // where the kernel does not describe its types
	}}})
	if len(gaps) > 0 {
		return gaps
	}
	p.overflow, p.budgets = loaded.Maps[bpf.SyscallMapOverflow], loaded.Maps[bpf.SyscallMapBudgets]
	p.calls = newCounter[callKey, callTimes](loaded.Maps[bpf.SyscallMapCalls], func(key callKey) uint32 { return key.PID })
	return nil
}

// waiting is the set of calls that are not told as slow, a bit for each.
func (p *syscalls) waiting() [8]uint64 {
	numbers := map[string]uint32{}
	for number, name := range p.names {
		numbers[name] = number
	}
	var set [8]uint64
	for _, name := range p.config.Waiting {
		if number, ok := numbers[name]; ok && number < 512 {
			set[number/64] |= 1 << (number % 64)
		}
	}
	return set
}

type slowRecord struct {
	head
	NS     uint64
	Result int64
	Number uint32
	Thread uint32
	Comm   [16]byte
}

// Decode implements Probe.
func (p *syscalls) Decode(kind uint32, record []byte, out *Batch) error {
	if kind != kindSlow {
		return errUnknownKind
	}
	e, err := as[slowRecord](record)
	if err != nil {
		return err
	}
	of := out.processOf(&e.head, text(e.Comm[:]))
	event := out.Event("tapio.syscall.slow", of, out.Clock.Wall(e.Time))
	attributes := event.Attributes()
	putLineage(attributes, of, out.Table)
	name := p.name(e.Number)
	attributes.PutStr(otlp.SyscallName, name)
	attributes.PutDouble(otlp.SyscallDuration, time.Duration(e.NS).Seconds())
	attributes.PutInt(otlp.ThreadID, int64(e.Thread))
	if e.Result < 0 && e.Result >= -4095 {
		attributes.PutStr(otlp.ErrorType, errorName(-e.Result))
	}
	event.Body().SetStr(fmt.Sprintf("%s of %s took %s", name, of.Name, time.Duration(e.NS)))
	return nil
}

func errorName(number int64) string {
	if name := unix.ErrnoName(unix.Errno(number)); name != "" {
		return name
	}
	return fmt.Sprint(number)
}

func (p *syscalls) name(number uint32) string { return callName(p.names, number) }

func callName(names map[uint32]string, number uint32) string {
	if name, ok := names[number]; ok {
		return name
	}
	return fmt.Sprintf("syscall_%d", number)
}

// Collect implements Probe.
func (p *syscalls) Collect(out *Batch) error {
	if p.calls == nil {
		return nil
	}
	err := p.calls.read(func(key callKey, now, before *callTimes) {
		of := out.Table.Lookup(identity.KeyAt(key.PID, now.Start), now.Cgroup)
		if sums := p.series.of(programCall{program{of.Place, of.Name}, key.Number}, out.Last, out.Now); sums != nil {
			sums.Times.grow(&now.Times, &before.Times)
			sums.Errors += now.Errors - before.Errors
		}
	})
	p.series.changed(out.Now, func(key programCall, sums *callTimes, since time.Time) {
		out.Since = since
		name := p.name(key.number)
		point := out.Histogram(&p.duration, key.place, "", sums.Times.Buckets[:], sums.Times.seconds())
		putText(point.Attributes(), otlp.ProcessExecutable, key.name)
		point.Attributes().PutStr(otlp.SyscallName, name)
		if sums.Errors > 0 {
			failed := out.Count(&p.errors, key.place, "")
			failed.SetIntValue(int64(sums.Errors))
			putText(failed.Attributes(), otlp.ProcessExecutable, key.name)
			failed.Attributes().PutStr(otlp.SyscallName, name)
		}
	})
	return err
}

// Overflow implements Overflower.
func (p *syscalls) Overflow() (uint64, error) { return readOverflow(p.overflow, p.series.full.Load()) }

// Overflower is a probe that counts in maps that can be full.
type Overflower interface {
	// Overflow returns how much was not counted for want of room.
	Overflow() (uint64, error)
}

func readOverflow(m *ebpf.Map, series uint64) (uint64, error) {
	if m == nil {
		return series, nil
	}
	var n uint64
	if err := m.Lookup(uint32(0), &n); err != nil {
		return 0, fmt.Errorf("read what found no room: %w", err)
	}
	return n + series, nil
}
