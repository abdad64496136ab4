//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"strconv"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/hashicorp/golang-lru/v2/simplelru"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/redact"
)

// The kinds of bpf/process.bpf.c.
const (
	kindExec   = uint32(kernel.NumberProcess)<<8 | 1
	kindExit   = uint32(kernel.NumberProcess)<<8 | 2
	kindSignal = uint32(kernel.NumberProcess)<<8 | 3
	kindOOM    = uint32(kernel.NumberProcess)<<8 | 4
	kindMoved  = uint32(kernel.NumberProcess)<<8 | 5

	kindEnvironment = uint32(kernel.NumberProcess)<<8 | 6
)

type process struct {
	config *ProcessConfig
	redact *redact.Redactor
	forks  *ebpf.Map
	// exited are the keys of processes whose end was reported: two threads that end
	// at once both report it.
	exited *simplelru.LRU[identity.Key, struct{}]
	// oomKilled are the victims of the OOM killer: their SIGKILL is a failure.
	oomKilled *simplelru.LRU[identity.Key, struct{}]
	// declared are the environments of which the exec has not come.
	declared *simplelru.LRU[identity.Key, identity.Declared]

	forkMetric emit.Metric
}

// maxExited is far more than can end between two that end at once.
const maxExited = 1024

func newProcess(c *ProcessConfig) *process {
	hidden, err := redact.New(c.Redact)
	if err != nil {
		panic(err) // Validate has tried the expressions
	}
	return &process{
		config: c, redact: hidden, exited: emit.NewRecent[identity.Key, struct{}](maxExited), oomKilled: emit.NewRecent[identity.Key, struct{}](maxExited),
		declared:   emit.NewRecent[identity.Key, identity.Declared](maxExited),
		forkMetric: emit.Metric{Name: semconv.MetricProcessForks, Unit: "{process}", Description: "Processes, not threads, that were forked."},
	}
}

func (*process) Name() string          { return "process" }
func (*process) Number() kernel.Number { return kernel.NumberProcess }

// Attach loads exec, exit and moves even where no one wants their events: without
// them the table of processes would not follow.
func (p *process) Attach(k *kernel.Kernel) []kernel.Gap {
	spec, err := bpf.LoadProcess()
	if err == nil {
		err = spec.Variables[bpf.ProcessVarArgsLimit].Set(p.config.ArgsLimit)
	}
	if err != nil {
		return []kernel.Gap{{Probe: p.Name(), Feature: "all", Reason: kernel.Refused, Err: err}}
	}
	features := []kernel.Feature{
		{Name: "exec", Ways: [][]string{{bpf.ProcessProgOnExec}}},
		{Name: "exit", Ways: [][]string{{bpf.ProcessProgOnExit}}},
		{Name: "forks", Ways: [][]string{{bpf.ProcessProgOnFork}}},
		{Name: "moves", Ways: [][]string{{bpf.ProcessProgOnMove}}},
	}
	if p.config.Signals {
		features = append(features, kernel.Feature{Name: "signals", Ways: [][]string{{bpf.ProcessProgOnSignal}}})
	}
	if p.config.OOM {
		features = append(features, kernel.Feature{Name: "oom", Ways: [][]string{{bpf.ProcessProgOnOom}}})
	}
	loaded, gaps := k.Load(p.Name(), spec, features)
	p.forks = loaded.Maps[bpf.ProcessMapForks]
	return gaps
}

// Decode implements Probe.
func (p *process) Decode(kind uint32, record []byte, out *emit.Batch) error {
	switch kind {
	case kindExec:
		return p.exec(record, out)
	case kindExit:
		return p.exit(record, out)
	case kindSignal:
		return p.signal(record, out)
	case kindOOM:
		return p.oom(record, out)
	case kindMoved:
		return p.moved(record, out)
	case kindEnvironment:
		return p.environment(record)
	}
	return kernel.ErrUnknownKind
}

// execHead is the part of an exec's record that is always sent.
type execHead struct {
	kernel.Head
	ParentStart  uint64
	Parent       uint32
	UID          uint32
	ArgsTotal    uint32
	FilenameSize uint16
	ArgsSize     uint16
	Exe          [128]byte
}

type environmentRecord struct {
	kernel.Head
	Service    [320]byte
	Attributes [1280]byte
}

// environment keeps what a process declares until its exec comes, which is next.
func (p *process) environment(record []byte) error {
	e, err := kernel.As[environmentRecord](record)
	if err != nil {
		return err
	}
	p.declared.Add(identity.KeyAt(e.PID, e.Start), identity.DeclaredBy(kernel.Text(e.Service[:]), kernel.Text(e.Attributes[:])))
	return nil
}

func (p *process) exec(record []byte, out *emit.Batch) error {
	e, err := kernel.As[execHead](record)
	if err != nil {
		return err
	}
	rest := record[unsafe.Sizeof(*e):]
	if len(rest) < int(e.FilenameSize)+int(e.ArgsSize) {
		return kernel.ErrShort
	}
	key, file, args := identity.KeyAt(e.PID, e.Start), kernel.Text(rest[:e.FilenameSize]), argsOf(rest[e.FilenameSize:e.FilenameSize+e.ArgsSize])
	declared, _ := p.declared.Get(key)
	p.declared.Remove(key)
	of := out.Table.Executed(&identity.Start{
		Key: key, Parent: identity.KeyAt(e.Parent, e.ParentStart), Exe: kernel.Text(e.Exe[:]), File: file, Args: args, Cut: e.ArgsTotal > uint32(e.ArgsSize),
		UID: e.UID, Cgroup: e.Cgroup, Declared: declared,
	})
	if !p.config.Exec {
		return nil
	}
	event := out.Event(semconv.EventProcessExec, of, out.Clock.Wall(e.Time))
	attributes := event.Attributes()
	emit.PutLineage(attributes, of, out.Table)
	attributes.PutInt(semconv.ProcessUserID, int64(e.UID))
	event.Body().SetStr("exec " + file + p.putArgs(attributes, args, e))
	return nil
}

func argsOf(block []byte) []string {
	if len(block) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(block), "\x00"), "\x00")
}

// putArgs writes as many as were read, and returns those after the program's name as
// one text, by which events are searched. The last one is cut where the limit was.
func (p *process) putArgs(to pcommon.Map, args []string, e *execHead) string {
	if len(args) == 0 {
		return ""
	}
	cut := e.ArgsTotal > uint32(e.ArgsSize)
	list := to.PutEmptySlice(semconv.ProcessCommandArgs)
	var line strings.Builder
	for _, arg := range p.redact.Args(args, cut) {
		if list.Len() > 0 {
			line.WriteString(" " + arg)
		}
		list.AppendEmpty().SetStr(arg)
	}
	if cut {
		to.PutInt(semconv.ProcessArgsSize, int64(e.ArgsTotal))
	}
	return line.String()
}

type exitRecord struct {
	kernel.Head
	ParentStart uint64
	Parent      uint32
	UID         uint32
	Code        int32
	_           uint32
	Comm        [16]byte
}

func (p *process) exit(record []byte, out *emit.Batch) error {
	e, err := kernel.As[exitRecord](record)
	if err != nil {
		return err
	}
	key := identity.KeyAt(e.PID, e.Start)
	of, known := out.Table.Known(key)
	if !known {
		of = out.Table.Unknown(key, identity.KeyAt(e.Parent, e.ParentStart), kernel.Text(e.Comm[:]), e.UID, e.Cgroup)
	}
	if _, told := p.exited.Get(key); told || !p.config.Exit {
		return nil
	}
	p.exited.Add(key, struct{}{})
	event := out.Event(semconv.EventProcessExit, of, out.Clock.Wall(e.Time))
	attributes := event.Attributes()
	emit.PutLineage(attributes, of, out.Table)
	status := putStatus(attributes, e.Code)
	_, oom := p.oomKilled.Get(key)
	emit.SetExitSeverity(event, e.Code&0x7f, oom)
	lived := out.Clock.Wall(e.Time).Sub(out.Clock.Boot(e.Start))
	attributes.PutDouble(semconv.ProcessDuration, lived.Seconds())
	event.Body().SetStr("exit " + of.Name + ": " + status)
	return nil
}

// moved makes no event: what the process does from now on reports where it is.
func (*process) moved(record []byte, out *emit.Batch) error {
	e, err := kernel.As[kernel.Head](record)
	if err != nil {
		return err
	}
	out.Table.Move(identity.KeyAt(e.PID, e.Start), e.Cgroup)
	return nil
}

// putStatus reads what wait(2) returns, and says it.
func putStatus(to pcommon.Map, status int32) string {
	if signal := status & 0x7f; signal != 0 {
		to.PutStr(semconv.ProcessExitSignal, kernel.SignalName(signal))
		return kernel.SignalName(signal)
	}
	code := int64(status >> 8 & 0xff)
	to.PutInt(semconv.ProcessExitCode, code)
	return "code " + strconv.FormatInt(code, 10)
}

// Collect reports how many processes each place has forked.
func (p *process) Collect(out *emit.Batch) error {
	if p.forks == nil {
		return nil
	}
	byPlace := map[*identity.Place]uint64{}
	var cgroup, forked uint64
	entries := p.forks.Iterate()
	for entries.Next(&cgroup, &forked) {
		byPlace[out.Table.Place(cgroup, 0)] += forked
	}
	for place, n := range byPlace {
		out.Count(&p.forkMetric, place).SetIntValue(int64(n))
	}
	return entries.Err()
}
