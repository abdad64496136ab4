// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/store/profiles"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/metadata"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/profile"
)

// What a sample of this host takes in the store: the probe with the shipped configuration
// profiles whatever runs here for minutes, and its profiles are stored. A row is a thread in a
// stack within a collection interval, a sample what the clock of a CPU found or a time
// that a thread was blocked. The first minute fills the dictionary. PROGRAMS, a regular expression
// of names of executables, leaves out what else runs here, FREQUENCY is that of the clock, MINUTES
// how long it runs.
func BenchmarkProfileBytes(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it puts programs into the kernel")
	}
	minutes := 5
	if n, err := strconv.Atoi(os.Getenv("MINUTES")); err == nil && n > 1 {
		minutes = n
	}
	programs := regexp.MustCompile(os.Getenv("PROGRAMS"))
	for range b.N {
		config := createDefaultConfig().(*Config)
		config.Probes = probe.Config{Profile: config.Probes.Profile, Process: config.Probes.Process}
		config.Probes.Profile.CPUProfiler = profile.CPUProfilerBuiltin
		if frequency, err := strconv.Atoi(os.Getenv("FREQUENCY")); err == nil {
			config.Probes.Profile.Frequency = uint32(frequency)
		}
		sink, _ := started(b, config, receivertest.NewNopSettings(metadata.Type))
		stored := profiles.New(1, time.Now)
		stored.SetLimits(32<<20, 0)
		kinds := map[string]uint64{}
		var before, first profiles.Stats
		var half observed // until half of the time was over
		for minute := range minutes {
			time.Sleep(time.Minute)
			for _, batch := range sink.AllProfiles() {
				list, refused := otlp.Profiles(batch)
				require.Empty(b, refused)
				list = slices.DeleteFunc(list, func(p model.Profile) bool {
					name, _ := p.Resource.Attributes.Get("process.executable.name")
					return !programs.MatchString(name.Text())
				})
				count(kinds, list)
				stored.Append(list)
			}
			sink.Reset()
			now := stored.Stats()
			b.Logf("minute %d: %d B/row, %d rows, %d profiles, %v", minute+1, (now.Bytes-before.Bytes)/max(now.Samples-before.Samples, 1),
				now.Samples-before.Samples, now.LastSeq-before.LastSeq, profiles.Sizes(stored))
			if before = now; minute == 0 {
				first = now
			}
			if minute < minutes/2 {
				half = observed{now.Bytes, kinds["cpu"] + kinds["off_cpu"]}
			}
		}
		b.ReportMetric(float64(before.Bytes)/float64(before.Samples), "B/row")
		samples := kinds["cpu"] + kinds["off_cpu"]
		b.ReportMetric(float64(before.Bytes)/float64(samples), "B/sample")
		b.ReportMetric(float64(before.Bytes-half.bytes)/float64(samples-half.samples), "B/sample-second-half")
		last := stored.Stats()
		b.ReportMetric(float64(last.Bytes-first.Bytes)/float64(last.Samples-first.Samples), "B/row-after-minute-1")
		b.ReportMetric(float64(kinds["cpu"]), "cpu-samples")
		b.ReportMetric(float64(kinds["off_cpu"]), "off-cpu-rows")
	}
	b.ReportMetric(0, "ns/op")
}

// observed is how many samples there were, and the bytes that they took.
type observed struct {
	bytes, samples uint64
}

// count adds up observations: of CPU time each is one period.
func count(kinds map[string]uint64, list []model.Profile) {
	for i := range list {
		p := &list[i]
		for _, sample := range p.Samples {
			n := int64(1)
			if p.Type.Period > 0 {
				n = sample.Values[0] / p.Type.Period
			}
			kinds[p.Type.Name] += uint64(n)
		}
	}
}
