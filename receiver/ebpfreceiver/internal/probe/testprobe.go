//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// NewForTests returns a probe that no configuration switches on: it sends a
// record for each getppid of this process, so that tests and benchmarks know how
// many there must be.
func NewForTests() Probe { return forTests{programs: []string{bpf.BenchProgOnBench}} }

// NewFloor returns one that does nothing at both ends of each call, or reads the
// clock: what there is to pay before a program does anything of use.
func NewFloor(clocked bool) Probe {
	if clocked {
		return forTests{programs: []string{bpf.BenchProgOnClockedEnter, bpf.BenchProgOnClockedExit}}
	}
	return forTests{programs: []string{bpf.BenchProgOnEmptyEnter, bpf.BenchProgOnEmptyExit}}
}

// NewEmpty returns one that does nothing at each hook that a request to a server
// passes.
func NewEmpty() Probe {
	return forTests{programs: []string{
		bpf.BenchProgOnEmptyEnter, bpf.BenchProgOnEmptyExit, bpf.BenchProgOnEmptySwitch, bpf.BenchProgOnEmptyWakeup,
		bpf.BenchProgOnEmptySend, bpf.BenchProgOnEmptyReceive,
	}}
}

type forTests struct{ programs []string }

func (forTests) Name() string          { return "test" }
func (forTests) Number() kernel.Number { return kernel.NumberTest }

func (p forTests) Attach(k *kernel.Kernel) []kernel.Gap {
	spec, err := bpf.LoadBench()
	if err == nil {
		err = errors.Join(
			spec.Variables[bpf.BenchVarTarget].Set(uint32(os.Getpid())),
			spec.Variables[bpf.BenchVarNumber].Set(uint32(unix.SYS_GETPPID)),
		)
	}
	if err != nil {
		return []kernel.Gap{kernel.Missing(p.Name(), "all", err)}
	}
	_, gaps := k.Load(p.Name(), spec, []kernel.Feature{{Name: "calls", Ways: [][]string{p.programs}}})
	return gaps
}

type benchRecord struct {
	kernel.Head
	Payload [3]uint64
}

func (forTests) Decode(_ uint32, record []byte, out *emit.Batch) error {
	e, err := kernel.As[benchRecord](record)
	if err != nil {
		return err
	}
	of := out.Table.Lookup(identity.KeyAt(e.PID, e.Start), e.Cgroup)
	out.Event("tapio.test", of, out.Clock.Wall(e.Time)).Attributes().PutInt(semconv.ThreadID, int64(e.Payload[0]))
	return nil
}

func (forTests) Collect(*emit.Batch) error { return nil }
