// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"bytes"
	"math"
	"os"
	"runtime/debug"
	"strconv"
)

const (
	// collectorMemory is what a process needs beside its stores at least, for
	// batches on their way and for garbage that is not collected yet: with less the
	// garbage collector would hardly let go of the processor.
	collectorMemory = 48 << 20
	// garbagePercent is GOGC while the memory limit does the bounding: what is live
	// is mostly bytes without a pointer, so that little is won by collecting often.
	garbagePercent = 200
)

// memoryTarget makes the runtime collect garbage by the bound that the stores
// have. Without it the heap grows to twice what is live, and stores of 256 MiB
// take half a gigabyte.
type memoryTarget struct {
	lookup func(string) (string, bool) // of the environment
	before *runtimeSettings            // nil: they are as they were
}

// runtimeSettings are those of the whole process.
type runtimeSettings struct {
	percent int
	limit   int64
}

// aim sets the runtime for stores of so many bytes, 0 to leave it as it was. Who
// sets GOGC or GOMEMLIMIT has decided, and nothing is changed.
func (m *memoryTarget) aim(stores int64) {
	_, percent := m.lookup("GOGC")
	_, limit := m.lookup("GOMEMLIMIT")
	switch {
	case percent || limit:
	case stores > 0 && m.before == nil:
		m.before = &runtimeSettings{
			percent: debug.SetGCPercent(garbagePercent),
			limit:   debug.SetMemoryLimit(heapFor(stores, residentFiles())),
		}
	case stores > 0:
		debug.SetMemoryLimit(heapFor(stores, residentFiles()))
	case m.before != nil:
		debug.SetGCPercent(m.before.percent)
		debug.SetMemoryLimit(m.before.limit)
		m.before = nil
	}
}

// heapFor is what the runtime may take so that the process stays within a quarter
// more than its stores. files is what is resident of the program itself, which
// the runtime does not count.
func heapFor(stores, files int64) int64 {
	if stores > math.MaxInt64/2 {
		return math.MaxInt64
	}
	return max(stores+stores/4-files, stores+collectorMemory)
}

// residentFiles returns how much of the program's file is in memory; 0 where the
// kernel does not tell.
func residentFiles() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	return filesFromStatus(status)
}

func filesFromStatus(status []byte) int64 {
	for line := range bytes.Lines(status) {
		if value, found := bytes.CutPrefix(line, []byte("RssFile:")); found {
			kib, _ := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(value), []byte(" kB"))), 10, 64) // 0 as above
			return kib << 10
		}
	}
	return 0
}
