//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// throttles reads what the kernel writes in cpu.stat of each cgroup with a limit:
// there is no hook for it.
type throttles struct {
	periods emit.Metric
	time    emit.Metric
}

// maxCgroups bounds the cgroups that are read in one collection.
const maxCgroups = 5000

func newThrottles() throttles {
	return throttles{
		periods: emit.Metric{
			Name: semconv.MetricCgroupCPUThrottledPeriods, Unit: "{period}",
			Description: "Periods in which a cgroup used up its CPU quota, by cgroup.",
		},
		time: emit.Metric{
			Name: semconv.MetricCgroupCPUThrottledTime, Unit: "s",
			Description: "Time that threads of a cgroup were kept from running because its CPU quota was used up.",
		},
	}
}

func (t *throttles) collect(out *emit.Batch) {
	for _, mount := range identity.Mounts("/proc") {
		if mount.Unified || slices.Contains(mount.Options, "cpu") {
			t.collectBelow(mount.Folder, out)
		}
	}
}

func (t *throttles) collectBelow(root string, out *emit.Batch) {
	folders := 0
	// A cgroup may go while it is read; then there is nothing to report of it.
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil
		}
		if folders++; folders > maxCgroups {
			return fs.SkipAll
		}
		text, err := os.ReadFile(filepath.Join(path, "cpu.stat"))
		if err != nil {
			return nil
		}
		stat := parseStat(string(text))
		if stat["nr_periods"] == 0 {
			return nil
		}
		t.put(out, "/"+strings.TrimPrefix(strings.TrimPrefix(path, root), "/"), stat)
		return nil
	})
}

func (t *throttles) put(out *emit.Batch, path string, stat map[string]uint64) {
	place := out.Table.Intern(identity.PlaceOfPath(path))
	periods, spent := out.Count(&t.periods, place), out.Count(&t.time, place)
	periods.SetIntValue(int64(stat["nr_throttled"]))
	// Nanoseconds in v1, microseconds in v2.
	spent.SetDoubleValue(float64(stat["throttled_time"])/1e9 + float64(stat["throttled_usec"])/1e6)
	periods.Attributes().PutStr(semconv.ProcessLinuxCgroup, path)
	spent.Attributes().PutStr(semconv.ProcessLinuxCgroup, path)
}

// parseStat reads lines of a word and a number.
func parseStat(text string) map[string]uint64 {
	stat := map[string]uint64{}
	for line := range strings.Lines(text) {
		word, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.ParseUint(number, 10, 64); err == nil {
			stat[word] = n
		}
	}
	return stat
}
