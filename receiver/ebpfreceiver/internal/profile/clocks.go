//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// maxCPUs is above what Linux can have.
const maxCPUs = 8192

// clocks interrupt each CPU so many times a second.
type clocks struct {
	program   *ebpf.Program
	frequency uint32
	byCPU     map[int]int // file descriptors
}

func newClocks(program *ebpf.Program, frequency uint32) *clocks {
	return &clocks{program: program, frequency: frequency, byCPU: map[int]int{}}
}

// attach starts the clocks of CPUs that have none, and stops those of CPUs that are gone.
func (c *clocks) attach() error {
	online, err := onlineCPUs()
	if err != nil {
		return err
	}
	for cpu, fd := range c.byCPU {
		if !online[cpu] {
			_ = unix.Close(fd)
			delete(c.byCPU, cpu)
		}
	}
	var errs []error
	for cpu := range online {
		if _, ok := c.byCPU[cpu]; ok {
			continue
		}
		fd, err := c.open(cpu)
		if err != nil {
			errs = append(errs, fmt.Errorf("start the clock of CPU %d: %w", cpu, err))
			continue
		}
		c.byCPU[cpu] = fd
	}
	if len(c.byCPU) > 0 {
		return nil // a CPU that was taken offline meanwhile has none
	}
	return errors.Join(errs...)
}

func (c *clocks) open(cpu int) (fd int, err error) {
	attr := unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Sample: uint64(1e9 / c.frequency),
		Bits: unix.PerfBitDisabled | unix.PerfBitExcludeIdle,
	}
	fd, err = unix.PerfEventOpen(&attr, -1, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return 0, fmt.Errorf("perf_event_open: %w", err)
	}
	if err = unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_BPF, c.program.FD()); err == nil {
		err = unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0)
	}
	if err != nil {
		_ = unix.Close(fd)
		return 0, fmt.Errorf("attach to the perf event: %w", err)
	}
	return fd, nil
}

// Close stops all clocks.
func (c *clocks) Close() error {
	var errs []error
	for cpu, fd := range c.byCPU {
		errs = append(errs, unix.Close(fd))
		delete(c.byCPU, cpu)
	}
	return errors.Join(errs...)
}

func onlineCPUs() (map[int]bool, error) {
	text, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return nil, err
	}
	return parseCPUs(strings.TrimSpace(string(text)))
}

// parseCPUs reads a list such as 0-3,8.
func parseCPUs(list string) (map[int]bool, error) {
	cpus := map[int]bool{}
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, err := strconv.Atoi(from)
		last := first
		if err == nil && isRange {
			last, err = strconv.Atoi(to)
		}
		if err != nil || first < 0 || last >= maxCPUs {
			return nil, fmt.Errorf("%q is not a list of CPUs", list)
		}
		for cpu := first; cpu <= last; cpu++ {
			cpus[cpu] = true
		}
	}
	return cpus, nil
}
