// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// hostProfile is 5 s of a host as OpenTelemetry's eBPF profiler sends it: 928 samples at
// 97 Hz, each with its time and thread, of 1,500 stacks of which few are frequent.
func hostProfile(random *rand.Rand, d *model.ProfileDictionary, at model.Nanos) model.Profile {
	often := rand.NewZipf(random, 1.3, 3, uint64(len(d.Stacks)-1))
	p := model.Profile{
		Resource: &model.Resource{Attributes: model.Attributes{{Key: "host.name", Value: model.StringValue("node-1")}}},
		Scope:    &model.Scope{}, Time: at, Duration: 5 * time.Second, Dictionary: d,
		Type: model.ProfileType{Name: "cpu", Unit: "nanoseconds", PeriodName: "cpu", PeriodUnit: "nanoseconds", Period: 10309278},
	}
	for range 928 {
		p.Samples = append(p.Samples, model.ProfileSample{
			Stack: uint32(often.Uint64()), Set: uint32(random.IntN(len(d.Sets))), Values: []int64{10309278},
			Times: []model.Nanos{at + model.Nanos(random.Uint64N(5e9))},
		})
	}
	return p
}

func hostDictionary(random *rand.Rand) *model.ProfileDictionary {
	d := &model.ProfileDictionary{}
	for i := range 4000 {
		d.Frames = append(d.Frames, model.Frame{Function: fmt.Sprintf("github.com/example/pkg%d.(*Type).Method%d", i%90, i), File: fmt.Sprintf("/src/pkg%d/file.go", i%90), Line: int64(i)})
	}
	for range 1500 {
		var stack []uint32
		for range 10 + random.IntN(30) {
			stack = append(stack, uint32(random.IntN(len(d.Frames))))
		}
		d.Stacks = append(d.Stacks, stack)
	}
	for i := range 60 {
		d.Sets = append(d.Sets, model.Attributes{
			{Key: "thread.name", Value: model.StringValue(fmt.Sprint("worker-", i))}, {Key: "thread.id", Value: model.IntValue(int64(4000 + i))},
		})
	}
	return d
}

// BenchmarkHost stores profiles of a host.
func BenchmarkHost(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	c := newClock()
	s := opened(c, 32*mib, 0)
	d := hostDictionary(random)
	for b.Loop() {
		c.now = c.now.Add(5 * time.Second)
		s.Append([]model.Profile{hostProfile(random, d, model.Nanos(c.now.UnixNano()))})
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/928, "ns/sample")
}

// BenchmarkMerge adds up all profiles of a full store, and reports what a sample takes there.
func BenchmarkMerge(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	c := newClock()
	s := opened(c, 32*mib, 0)
	d := hostDictionary(random)
	for s.Stats().Evicted["size"] == 0 {
		c.now = c.now.Add(5 * time.Second)
		s.Append([]model.Profile{hostProfile(random, d, model.Nanos(c.now.UnixNano()))})
	}
	for b.Loop() {
		if _, err := s.Merge(b.Context(), model.ProfileQuery{Types: []string{"cpu"}}, free); err != nil {
			b.Fatal(err)
		}
	}
	stats := s.Stats()
	b.ReportMetric(float64(stats.Samples), "samples")
	b.ReportMetric(float64(stats.Bytes)/float64(stats.Samples), "B/sample")
}
