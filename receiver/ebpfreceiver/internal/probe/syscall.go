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
)

const kindSlow = uint32(NumberSyscall)<<8 | 1

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
	Times  histogram
}

func (s *callSums) grow(now, before *callSums) {
	s.Times.grow(&now.Times, &before.Times)
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
	calls    *counter[callKey, callTimes]
	others   *counter[uint32, callTimes] // of programs that found no room in the map of calls
	budgets  *ebpf.Map
	top      topPrograms
	series   *series[programCall, callSums]
	duration Metric
	errors   Metric
}

func newSyscalls(c *SyscallConfig) *syscalls {
	return &syscalls{
		config: c, names: syscallNames(), top: newTopPrograms(c.MaxPrograms), series: newSeries[programCall, callSums](c.maxSeries()),
		duration: Metric{
			Name: semconv.MetricSyscallDuration, Unit: "s",
			Description: "How long system calls took, by program and call; of many short ones one stands for several.",
		},
		errors: Metric{
			Name: semconv.MetricSyscallErrors, Unit: "{call}", Description: "System calls that returned an error, by program and call.",
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
			spec.Variables[bpf.SyscallVarExitCall].Set(uint32(unix.SYS_EXIT)),
			spec.Variables[bpf.SyscallVarExitGroupCall].Set(uint32(unix.SYS_EXIT_GROUP)),
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
	p.budgets = loaded.Maps[bpf.SyscallMapBudgets]
	p.calls = newCounter[callKey, callTimes](loaded.Maps[bpf.SyscallMapCalls])
	p.others = newCounter[uint32, callTimes](loaded.Maps[bpf.SyscallMapOtherCalls])
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
	event := out.Event(semconv.EventSyscallSlow, of, out.Clock.Wall(e.Time))
	attributes := event.Attributes()
	putLineage(attributes, of, out.Table)
	name := p.name(e.Number)
	attributes.PutStr(semconv.SyscallName, name)
	attributes.PutDouble(semconv.SyscallDuration, time.Duration(e.NS).Seconds())
	attributes.PutInt(semconv.ThreadID, int64(e.Thread))
	if e.Result < 0 && e.Result >= -4095 {
		attributes.PutStr(semconv.ErrorType, errorName(-e.Result))
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

// noCall is bpf/syscall.bpf.c's number of all calls that there are none of.
const noCall = 512

func callName(names map[uint32]string, number uint32) string {
	if number == noCall {
		return "unknown"
	}
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
	grown, err := p.grown(out)
	calls := map[program]float64{}
	rest := others(out.Table)
	for i := range grown {
		if grown[i].program != rest {
			calls[grown[i].program] += float64(grown[i].Times.count() + grown[i].Errors)
		}
	}
	p.top.rank(calls)
	for i := range grown {
		g := &grown[i]
		fallback := programCall{rest, g.number}
		if !p.top.has(g.program) {
			g.programCall = fallback
		}
		p.series.of(g.programCall, fallback, out.Last, out.Now).grow(&g.callSums, &callSums{})
	}
	p.series.changed(out.Now, func(key programCall, sums *callSums, since time.Time) { p.put(key, sums, since, out) })
	return err
}

// grown reads what the kernel has counted since the last time.
func (p *syscalls) grown(out *Batch) (grown []callGrowth, err error) {
	take := func(of program, number uint32, now, before *callTimes) {
		g := callGrowth{programCall: programCall{of, number}}
		g.grow(&now.callSums, &before.callSums)
		grown = append(grown, g)
	}
	wait := func(key *callKey, now *callTimes) bool { return key.Program.startPending(&now.Of, out) }
	err = p.calls.read(out.Now, wait, func(key *callKey, now, before *callTimes) {
		take(key.Program.program(&now.Of, out.Table), key.Number, now, before)
	})
	rest := others(out.Table)
	return grown, errors.Join(err, p.others.read(out.Now, nil, func(number *uint32, now, before *callTimes) {
		take(rest, *number, now, before)
	}))
}

func (p *syscalls) put(key programCall, sums *callSums, since time.Time, out *Batch) {
	out.Since = since
	name := p.name(key.number)
	put := func(to pcommon.Map) {
		key.put(to)
		to.PutStr(semconv.SyscallName, name)
	}
	if sums.Times.count() > 0 {
		put(out.Exponential(&p.duration, key.place, &sums.Times).Attributes())
	}
	if sums.Errors > 0 {
		failed := out.Count(&p.errors, key.place)
		failed.SetIntValue(int64(sums.Errors))
		put(failed.Attributes())
	}
}
