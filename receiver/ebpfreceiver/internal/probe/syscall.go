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
	"go.opentelemetry.io/collector/pdata/pcommon"
	"golang.org/x/sys/unix"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

const kindSlow = uint32(kernel.NumberSyscall)<<8 | 1

// callKey is bpf/syscall.bpf.c's struct call.
type callKey struct {
	Program programKey
	Number  uint32
	_       uint32
}

type callTimes struct {
	Of programInfo
	callSums
}

type callSums struct {
	Errors uint64
	Times  emit.Histogram
}

func (s *callSums) grow(now, before *callSums) {
	s.Times.Grow(&now.Times, &before.Times)
	s.Errors += now.Errors - before.Errors
}

type programCall struct {
	program
	number uint32
}

// callGrowth is what a program's calls of one number came to in an interval.
type callGrowth struct {
	programCall
	callSums
}

type syscalls struct {
	config   *SyscallConfig
	names    map[uint32]string
	calls    *emit.Counter[callKey, callTimes]
	others   *emit.Counter[uint32, callTimes] // of programs that found no room in the map of calls
	budgets  *ebpf.Map
	top      topPrograms
	series   *emit.Series[programCall, callSums]
	duration emit.Metric
	errors   emit.Metric
}

func newSyscalls(c *SyscallConfig) *syscalls {
	return &syscalls{
		config: c, names: kernel.SyscallNames(), top: newTopPrograms(c.MaxPrograms), series: emit.NewSeries[programCall, callSums](c.maxSeries()),
		duration: emit.Metric{
			Name: semconv.MetricSyscallDuration, Unit: "s",
			Description: "How long system calls took, by program and call; of many short ones one stands for several.",
		},
		errors: emit.Metric{
			Name: semconv.MetricSyscallErrors, Unit: "{call}", Description: "System calls that returned an error, by program and call.",
		},
	}
}

func (*syscalls) Name() string          { return "syscall" }
func (*syscalls) Number() kernel.Number { return kernel.NumberSyscall }

// Attach implements Probe.
func (p *syscalls) Attach(k *kernel.Kernel) []kernel.Gap {
	spec, err := bpf.LoadSyscall()
	if err == nil {
		err = errors.Join(
			spec.Variables[bpf.SyscallVarSlowNs].Set(uint64(p.config.SlowThreshold)),
			spec.Variables[bpf.SyscallVarOwnPid].Set(uint32(os.Getpid())),
			spec.Variables[bpf.SyscallVarWaiting].Set(p.waiting()),
			spec.Variables[bpf.SyscallVarExitCall].Set(uint32(unix.SYS_EXIT)),
			spec.Variables[bpf.SyscallVarExitGroupCall].Set(uint32(unix.SYS_EXIT_GROUP)),
			p.config.setSampling(spec.Variables, kernel.Tick()),
		)
	}
	if err != nil {
		return []kernel.Gap{{Probe: p.Name(), Feature: "all", Reason: kernel.Refused, Err: err}}
	}
	loaded, gaps := k.Load(p.Name(), spec, []kernel.Feature{{Name: "calls", Ways: [][]string{
		{bpf.SyscallProgOnEnter, bpf.SyscallProgOnExit},
		{bpf.SyscallProgOnPlainEnter, bpf.SyscallProgOnPlainExit}, // where the kernel does not describe its types
	}}})
	if len(gaps) > 0 {
		return gaps
	}
	p.budgets = loaded.Maps[bpf.SyscallMapBudgets]
	p.calls = emit.NewCounter[callKey, callTimes](loaded.Maps[bpf.SyscallMapCalls])
	p.others = emit.NewCounter[uint32, callTimes](loaded.Maps[bpf.SyscallMapOtherCalls])
	return nil
}

// waiting is the set of calls that are not reported as slow, a bit for each.
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
	kernel.Head
	NS     uint64
	Result int64
	Number uint32
	Thread uint32
	Comm   [16]byte
}

// Decode implements Probe.
func (p *syscalls) Decode(kind uint32, record []byte, out *emit.Batch) error {
	if kind != kindSlow {
		return kernel.ErrUnknownKind
	}
	e, err := kernel.As[slowRecord](record)
	if err != nil {
		return err
	}
	of := out.ProcessOf(&e.Head, kernel.Text(e.Comm[:]))
	event := out.Event(semconv.EventSyscallSlow, of, out.Clock.Wall(e.Time))
	attributes := event.Attributes()
	emit.PutLineage(attributes, of, out.Table)
	name := p.name(e.Number)
	attributes.PutStr(semconv.SyscallName, name)
	attributes.PutDouble(semconv.SyscallDuration, time.Duration(e.NS).Seconds())
	attributes.PutInt(semconv.ThreadID, int64(e.Thread))
	if e.Result < 0 && e.Result >= -4095 {
		attributes.PutStr(semconv.ErrorType, kernel.ErrorName(-e.Result))
	}
	event.Body().SetStr(fmt.Sprintf("%s of %s took %s", name, of.Name, time.Duration(e.NS)))
	return nil
}

func (p *syscalls) name(number uint32) string { return kernel.CallName(p.names, number) }

// Collect implements Probe.
func (p *syscalls) Collect(out *emit.Batch) error {
	if p.calls == nil {
		return nil
	}
	grown, err := p.grown(out)
	calls := map[program]float64{}
	rest := others(out.Table)
	for i := range grown {
		if grown[i].program != rest {
			calls[grown[i].program] += float64(grown[i].Times.Count() + grown[i].Errors)
		}
	}
	p.top.rank(calls)
	for i := range grown {
		g := &grown[i]
		fallback := programCall{rest, g.number}
		if !p.top.has(g.program) {
			g.programCall = fallback
		}
		p.series.Of(g.programCall, fallback, out.Last, out.Now).grow(&g.callSums, &callSums{})
	}
	p.series.Changed(out.Now, func(key programCall, sums *callSums, since time.Time) { p.put(key, sums, since, out) })
	return err
}

// grown reads what the kernel has counted since the last time.
func (p *syscalls) grown(out *emit.Batch) (grown []callGrowth, err error) {
	take := func(of program, number uint32, now, before *callTimes) {
		g := callGrowth{programCall: programCall{of, number}}
		g.grow(&now.callSums, &before.callSums)
		grown = append(grown, g)
	}
	wait := func(key *callKey, now *callTimes) bool { return key.Program.startPending(&now.Of, out) }
	err = p.calls.Read(out.Now, wait, func(key *callKey, now, before *callTimes) {
		take(key.Program.program(&now.Of, out.Table), key.Number, now, before)
	})
	rest := others(out.Table)
	return grown, errors.Join(err, p.others.Read(out.Now, nil, func(number *uint32, now, before *callTimes) {
		take(rest, *number, now, before)
	}))
}

func (p *syscalls) put(key programCall, sums *callSums, since time.Time, out *emit.Batch) {
	out.Since = since
	name := p.name(key.number)
	put := func(to pcommon.Map) {
		key.put(to)
		to.PutStr(semconv.SyscallName, name)
	}
	if sums.Times.Count() > 0 {
		put(out.Exponential(&p.duration, key.place, &sums.Times).Attributes())
	}
	if sums.Errors > 0 {
		failed := out.Count(&p.errors, key.place)
		failed.SetIntValue(int64(sums.Errors))
		put(failed.Attributes())
	}
}
