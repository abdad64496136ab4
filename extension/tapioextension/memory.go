// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"bytes"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
	"go.uber.org/zap"
)

const (
	// defaultMemoryLimit is the least with which the process keeps to its stores and
	// a quarter: the program, batches on their way and garbage need 100 MiB and more,
	// however little is stored.
	defaultMemoryLimit = 512 << 20
	// writeShare and maxWriteRoom say how much of a store's bound records may not
	// fill: one in writeShare, and no more than maxWriteRoom.
	writeShare   = 6
	maxWriteRoom = 96 << 20
	// garbageRoom is the least room for garbage beside what lives, and for the
	// runtime itself: with less the garbage collector would use most of the CPU.
	garbageRoom = 32 << 20
	// overshoot is the share of the stores by which the heap is aimed lower than it
	// may grow, for the runtime's limit is passed a little while it collects: one in
	// overshoot.
	overshoot = 32
	// containerReserve is the share of a container's memory that the heap leaves to
	// the kernel, to page tables and to what the runtime does not count: one in
	// containerReserve.
	containerReserve = 10
	// garbagePercent is the highest GOGC, of a process that allocates much: what is live
	// is mostly bytes without a pointer, so that little is won by collecting often.
	garbagePercent = 200
)

// memoryTarget makes the runtime collect garbage by the bound that the stores
// have. Without it the heap grows to twice what is live, and stores of 256 MiB
// take half a gigabyte.
type memoryTarget struct {
	lookup  func(string) (string, bool) // of the environment
	root    string                      // of the file system
	before  *runtimeSettings            // nil: they are as they were
	garbage garbagePace
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
			limit:   debug.SetMemoryLimit(m.heapFor(stores)),
		}
	case stores > 0:
		debug.SetMemoryLimit(m.heapFor(stores))
	case m.before != nil:
		debug.SetGCPercent(m.before.percent)
		debug.SetMemoryLimit(m.before.limit)
		m.before, m.garbage = nil, garbagePace{}
	}
}

func (m *memoryTarget) heapFor(stores int64) int64 {
	return heapFor(stores, containerMemory(m.root), residentFiles(), liveHeap())
}

// writeRoom returns the part of a store's bound that is for taking records in, not
// for keeping them: batches on their way, compaction, and the garbage that both leave.
// If records filled it, no room would be left within a quarter, and the collector
// would run without end.
func writeRoom(limit int64) int64 { return min(limit/writeShare, maxWriteRoom) }

// heapFor is what the runtime may take so that the process stays within a quarter
// more than its stores. files is what is resident of the program itself, which
// the runtime does not count. Where the live heap is larger, because of other components or
// queries, there is still room for garbage: a process that does nothing
// but collect is of no use. In a container that may take less than the stores and
// a quarter, garbage is collected before the kernel kills the process.
func heapFor(stores, container, files, live int64) int64 {
	target := int64(math.MaxInt64)
	if stores <= math.MaxInt64/2 {
		target = stores + stores/4 - stores/overshoot - files
	}
	if container < math.MaxInt64 {
		target = min(target, container-container/containerReserve-files)
	}
	return max(target, live+garbageRoom)
}

// logStart logs the effective settings.
func (e *tapioExtension) logStart() {
	store := &e.cfg.Store
	stats := e.store.Stats()
	var records uint64
	for i := range stats {
		records += stats[i].Rows
	}
	e.set.Logger.Info("tapio extension started", zap.String("memory_limit", humanize.IBytes(uint64(store.MemoryLimit))),
		zap.Duration("max_age", store.MaxAge), zap.String("directory", store.Directory), zap.String("durability", store.Durability),
		zap.Uint64("records", records), zap.Strings("tiers", e.cfg.Tiers), zap.Int("max_streams", e.cfg.MaxStreams),
		zap.Bool("access_restricted", len(e.cfg.Access.Read)+len(e.cfg.Access.Write)+len(e.cfg.Access.Admin) > 0))
}

// warnOfSmall logs that a store is too small for the bound of the process.
func warnOfSmall(logger *zap.Logger, limit ByteSize) {
	if limit < defaultMemoryLimit {
		logger.Warn("the process will take more than store::memory_limit and a quarter, for it needs 100 MiB and more itself: "+
			"give it memory_limit and 160 MiB, or raise memory_limit",
			zap.String("memory_limit", humanize.IBytes(uint64(limit))), zap.String("holds_from", humanize.IBytes(defaultMemoryLimit)))
	}
}

// liveHeap returns the bytes that lived when garbage was last collected.
func liveHeap() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(sample[0].Value.Uint64())
}

// residentFiles returns how much of the program's file is in memory; 0 where the
// kernel does not report it.
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

const (
	// paceEvery is how often the room for garbage follows what is allocated.
	paceEvery = time.Second
	// collectEvery is how often garbage is collected at most, about: the room for it is
	// what is allocated meanwhile.
	collectEvery = 3 * time.Second
	// paceShare is how far the rate moves to that of the last paceEvery: by this share of
	// the difference. Bursts of a second are no reason to hold garbage for minutes.
	paceShare = 0.2
	// liveShare bounds the room from below, one in liveShare of what lives.
	liveShare = 8
)

// garbagePace chooses GOGC so that a process that allocates little holds little garbage,
// and one that allocates much is not collected more often than with garbagePercent.
type garbagePace struct {
	allocated uint64 // since the start of the process
	at        time.Time
	rate      float64 // bytes per second, on average over the last seconds
	percent   int
}

// follow takes what was allocated until now and what lives, and returns the percentage
// for it. Changed is false if it is near the one before.
func (p *garbagePace) follow(now time.Time, allocated, live uint64) (percent int, changed bool) {
	if passed := now.Sub(p.at).Seconds(); !p.at.IsZero() && passed > 0 && allocated >= p.allocated {
		p.rate += paceShare * (float64(allocated-p.allocated)/passed - p.rate)
	}
	first := p.at.IsZero()
	p.at, p.allocated = now, allocated
	if first || live == 0 {
		return garbagePercent, false
	}
	room := max(p.rate*collectEvery.Seconds(), garbageRoom, float64(live)/liveShare)
	percent = int(math.Ceil(min(100*room/float64(live), garbagePercent)))
	if p.percent != 0 && percent >= p.percent*4/5 && percent <= p.percent*11/10 && percent != garbagePercent {
		return p.percent, false
	}
	changed = percent != p.percent
	p.percent = percent
	return percent, changed
}

// pace sets GOGC by what is allocated, while it is this program's to set.
func (m *memoryTarget) pace(now time.Time) {
	if m.before == nil {
		return
	}
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	for _, sample := range samples {
		if sample.Value.Kind() != metrics.KindUint64 {
			return // a runtime that does not report it: GOGC stays as it is
		}
	}
	if percent, changed := m.garbage.follow(now, samples[0].Value.Uint64(), samples[1].Value.Uint64()); changed {
		debug.SetGCPercent(percent)
	}
}
