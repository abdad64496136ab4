//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// runSums is bpf/cpu.bpf.c's struct of that name.
type runSums struct {
	OnCPU uint64
	Waits emit.Histogram
}

func (s *runSums) grow(now, before *runSums) {
	s.OnCPU += now.OnCPU - before.OnCPU
	s.Waits.Grow(&now.Waits, &before.Waits)
}

// raise takes the greater of both, count by count.
func (s *runSums) raise(to *runSums) {
	s.OnCPU = max(s.OnCPU, to.OnCPU)
	s.Waits.Sum = max(s.Waits.Sum, to.Waits.Sum)
	for i := range s.Waits.Buckets {
		s.Waits.Buckets[i] = max(s.Waits.Buckets[i], to.Waits.Buckets[i])
	}
}

type runTimes struct {
	Program programKey
	Of      programInfo
	Sums    runSums
}

type programRuns struct {
	Of   programInfo
	Sums runSums
}

// cpuRuns adds up, by program, the processes that are there and those that have
// ended: the kernel keeps them in two maps, and moves the one to the other.
type cpuRuns struct {
	live   emit.Reading[uint32, runTimes]
	ended  emit.Reading[programKey, programRuns]
	rest   *ebpf.Map
	others runSums
	known  map[programKey]*programTotal
	// gone are processes whose end the kernel did not see, as the last read found.
	gone map[uint32]bool
}

// programTotal is what a program came to when it was last read.
type programTotal struct {
	total   runSums
	retired runSums // processes whose entries were removed here
	changed time.Time
}

func newCPURuns(maps map[string]*ebpf.Map) *cpuRuns {
	return &cpuRuns{
		live: emit.NewReading[uint32, runTimes](maps[bpf.CpuMapRuns]), ended: emit.NewReading[programKey, programRuns](maps[bpf.CpuMapEnded]),
		rest: maps[bpf.CpuMapOtherRuns], known: map[programKey]*programTotal{}, gone: map[uint32]bool{},
	}
}

type programNow struct {
	of   program
	wait bool // its start is pending
	sums runSums
	live bool
	gone []uint32
}

// read returns what each program did since the last time. Those that have ended
// are read first: a process that ends meanwhile is then counted by neither, and
// made up for the next time. The other way round it would be counted by both.
func (r *cpuRuns) read(out *emit.Batch) (map[program]*runSums, error) {
	now := map[programKey]*programNow{}
	add := func(key *programKey, of *programInfo, sums *runSums) *programNow {
		one, ok := now[*key]
		if !ok {
			one = &programNow{of: key.program(of, out.Table), wait: key.startPending(of, out)}
			now[*key] = one
		}
		one.sums.grow(sums, &runSums{})
		return one
	}
	err := r.ended.Each(func(key *programKey, runs *programRuns) { add(key, &runs.Of, &runs.Sums) })
	gone := map[uint32]bool{}
	err = errors.Join(err, r.live.Each(func(pid *uint32, runs *runTimes) {
		one := add(&runs.Program, &runs.Of, &runs.Sums)
		one.live = true
		if emit.IsGone(*pid) {
			gone[*pid] = true
			one.gone = append(one.gone, *pid)
		}
	}))
	grown := map[program]*runSums{}
	for key, one := range now {
		known := r.account(key, one, grown, out.Now)
		err = errors.Join(err, r.retire(known, one.gone))
	}
	r.gone = gone
	return grown, errors.Join(err, r.addOthers(grown, out.Table), r.forget(now, out.Now))
}

// retire removes processes that were gone at the last time already: the kernel did
// not see them end.
func (r *cpuRuns) retire(known *programTotal, gone []uint32) (err error) {
	for _, pid := range gone {
		if !r.gone[pid] {
			continue
		}
		var runs runTimes
		if e := r.live.Kernel.LookupAndDelete(pid, &runs); e == nil {
			known.retired.grow(&runs.Sums, &runSums{})
		} else if !errors.Is(e, ebpf.ErrKeyNotExist) {
			err = errors.Join(err, fmt.Errorf("remove a process that is gone: %w", e))
		}
	}
	return err
}

func (r *cpuRuns) account(key programKey, one *programNow, grown map[program]*runSums, now time.Time) *programTotal {
	known, ok := r.known[key]
	if !ok {
		known = &programTotal{}
		r.known[key] = known
		known.changed = now
		if one.wait {
			return known
		}
	}
	before := known.total
	one.sums.grow(&known.retired, &runSums{})
	known.total.raise(&one.sums)
	if known.total != before {
		known.changed = now
		growthOf(grown, one.of).grow(&known.total, &before)
	}
	return known
}

func growthOf(grown map[program]*runSums, of program) *runSums {
	sums, ok := grown[of]
	if !ok {
		sums = &runSums{}
		grown[of] = sums
	}
	return sums
}

// addOthers adds what found no room in the maps.
func (r *cpuRuns) addOthers(grown map[program]*runSums, table *identity.Table) error {
	var now runSums
	if err := r.rest.Lookup(uint32(0), &now); err != nil {
		return fmt.Errorf("read the runs of other programs: %w", err)
	}
	if now != r.others {
		growthOf(grown, others(table)).grow(&now, &r.others)
		r.others = now
	}
	return nil
}

// forget removes programs of which no process is there and none has been for long.
func (r *cpuRuns) forget(now map[programKey]*programNow, at time.Time) (err error) {
	for key, known := range r.known {
		if one := now[key]; one != nil && one.live || at.Sub(known.changed) <= emit.Idle {
			continue
		}
		delete(r.known, key)
		if e := r.ended.Kernel.Delete(key); e != nil && !errors.Is(e, ebpf.ErrKeyNotExist) {
			err = errors.Join(err, fmt.Errorf("remove an idle program: %w", e))
		}
	}
	return err
}
