// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package profile

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// Commands that ended have one profile for each service and program, without process and
// thread; a process that stays has its own.
func TestCommandsOfAServiceShareAProfile(t *testing.T) {
	out := emit.NewBatch(emit.Origin{}, identity.NewTable(t.TempDir()))
	interval := newProfileInterval()
	interval.period = time.Second
	stack := resolvedStack{stack: interval.stack([]model.Frame{{Function: "work"}})}
	sample := func(pid uint32, start uint64, program, service string) {
		key := identity.Key{PID: pid, Start: start}
		out.Table.Executed(&identity.Start{Key: key, Exe: program, File: "/bin/" + program, Declared: identity.Declared{Name: service}})
		one := drainedSample{key: sampleKey{PID: pid, Start: start * 10_000_000, Thread: pid, Comm: [16]byte{'c'}}, sum: sampleSum{Count: 1}}
		require.True(t, interval.add(&one, stack))
	}
	const young, old = 1 << 35, 1 // since boot, one in the far future
	for pid := range uint32(3) {
		sample(1<<30+pid, young, "gcc", "build")
		sample(1<<30+10+pid, old, "gcc", "build")
	}
	sample(1<<30+20, young, "ld", "build")
	sample(1<<30+21, young, "gcc", "other")
	interval.put(out)

	commands, processes := map[string]int64{}, 0
	require.Len(t, out.Profiles, 1)
	profiles, rejected := otlp.Profiles(out.Profiles[0])
	require.Empty(t, rejected)
	for _, p := range profiles {
		require.Len(t, p.Samples, 1)
		_, hasPID := p.Resource.Attributes.Get(semconv.ProcessPID)
		_, hasThread := p.Dictionary.Sets[p.Samples[0].Set].Get(semconv.ThreadID)
		assert.Equal(t, hasPID, hasThread)
		if hasPID {
			processes++
			continue
		}
		service, _ := p.Resource.Attributes.Get(semconv.ServiceName)
		program, _ := p.Resource.Attributes.Get(semconv.ProcessExecutableName)
		commands[service.Text()+"/"+program.Text()] = p.Samples[0].Values[0] / 1e9
	}
	assert.Equal(t, map[string]int64{"build/gcc": 3, "build/ld": 1, "other/gcc": 1}, commands)
	assert.Equal(t, 3, processes)
}

// Threads of a server that ended share their samples by name; those that are there still have one.
func TestThreadsThatEndedHaveNoID(t *testing.T) {
	proc := t.TempDir()
	const pid, start = 1 << 30, 1
	require.NoError(t, os.MkdirAll(filepath.Join(proc, strconv.Itoa(pid), "task", "7"), 0o755))
	out := emit.NewBatch(emit.Origin{}, identity.NewTable(proc))
	out.Table.Executed(&identity.Start{Key: identity.Key{PID: pid, Start: start}, Exe: "server"})
	interval := newProfileInterval()
	interval.period = time.Second
	stack := resolvedStack{stack: interval.stack([]model.Frame{{Function: "work"}})}
	for thread := range uint32(1000) {
		one := drainedSample{key: sampleKey{PID: pid, Start: start * 10_000_000, Thread: thread + 1, Comm: [16]byte{'t'}}, sum: sampleSum{Count: 1}}
		require.True(t, interval.add(&one, stack))
	}
	interval.put(out)
	profiles, rejected := otlp.Profiles(out.Profiles[0])
	require.Empty(t, rejected)
	require.Len(t, profiles, 1)
	seconds := map[string]int64{}
	for _, sample := range profiles[0].Samples {
		id, _ := profiles[0].Dictionary.Sets[sample.Set].Get(semconv.ThreadID)
		seconds[id.Text()] = sample.Values[0] / 1e9
	}
	assert.Equal(t, map[string]int64{"": 999, "7": 1}, seconds)
}

// Programs choose the names of their functions.
func TestIntervalsAreBoundedInBytes(t *testing.T) {
	s := newSymbolizer(&Config{}, &kernel.Losses{})
	long := strings.Repeat("x", maxIntervalBytes/4)
	for at := range uint64(8) {
		s.current.stack([]model.Frame{{Function: long, Address: at}})
	}
	one := drainedSample{sum: sampleSum{Count: 7}}
	s.sample(&one)
	assert.Empty(t, s.current.samples)
	assert.Equal(t, uint64(7), s.losses.Lost()["interval_full"])
}

// An interval whose end finds no place in the queue goes on; what is lost is counted as
// the kernel counted it.
func TestSendReportsAFullQueue(t *testing.T) {
	s := newSymbolizer(&Config{}, &kernel.Losses{})
	batch := drainedSamples{samples: []drainedSample{{sum: sampleSum{Count: 5}}, {sum: sampleSum{Count: 2}}}}
	for range maxQueued {
		require.True(t, s.send(batch))
	}
	assert.Empty(t, s.losses.Lost())
	assert.False(t, s.send(batch))
	assert.Equal(t, map[string]uint64{lostQueue: 7}, s.losses.Lost())
}
