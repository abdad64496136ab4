// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"os"
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
// that a thread was blocked. The first minute fills the dictionary.
func BenchmarkProfileBytes(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it puts programs into the kernel")
	}
	minutes := 5
	for range b.N {
		config := createDefaultConfig().(*Config)
		config.Probes = probe.Config{Profile: config.Probes.Profile, Process: config.Probes.Process}
		config.Probes.Profile.CPUProfiler = profile.CPUProfilerBuiltin
		sink, _ := started(b, config, receivertest.NewNopSettings(metadata.Type))
		stored := profiles.New(1, time.Now)
		stored.SetLimits(32<<20, 0)
		kinds := map[string]uint64{}
		var before profiles.Stats
		for minute := range minutes {
			time.Sleep(time.Minute)
			for _, batch := range sink.AllProfiles() {
				list, refused := otlp.Profiles(batch)
				require.Empty(b, refused)
				count(kinds, list)
				stored.Append(list)
			}
			sink.Reset()
			now := stored.Stats()
			b.Logf("minute %d: %d B/row, %d rows, %d profiles, %v", minute+1, (now.Bytes-before.Bytes)/max(now.Samples-before.Samples, 1),
				now.Samples-before.Samples, now.LastSeq-before.LastSeq, profiles.Sizes(stored))
			before = now
		}
		b.ReportMetric(float64(before.Bytes)/float64(before.Samples), "B/row")
		b.ReportMetric(float64(before.Bytes)/float64(kinds["cpu"]+kinds["off_cpu"]), "B/sample")
		b.ReportMetric(float64(kinds["cpu"]), "cpu-samples")
		b.ReportMetric(float64(kinds["off_cpu"]), "off-cpu-rows")
	}
	b.ReportMetric(0, "ns/op")
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
