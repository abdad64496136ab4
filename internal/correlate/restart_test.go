// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// counted sends a counter of pay that began to count at start.
func (s *shop) counted(total uint64, start model.Nanos) {
	s.e.ObservePoints([]model.Point{{
		Time: s.at, Start: start, Number: model.NumberInt, Bits: total,
		Series: &model.Series{
			Metric:   &model.Metric{Name: "requests", Type: model.MetricSum, Monotonic: true, Temporality: model.TemporalityCumulative},
			Resource: s.resource("pay"),
		},
	}})
}

// counting sends a counter every ten seconds; each time that anew says so it begins
// again. It returns the signs of restarts at the end.
func counting(t *testing.T, s *shop, tens int, start func(i int) model.Nanos) []*sign {
	t.Helper()
	for i := range tens {
		from := start(i)
		s.counted(uint64((s.at-from)/second), from)
		s.run(10)
	}
	var signs []*sign
	for _, g := range s.e.detect(s.e.time.Judged) {
		if g.key.what == "restart" || g.key.what == "restarts" {
			signs = append(signs, g)
		}
	}
	return signs
}

func TestARestartSupports(t *testing.T) {
	s := newShop(t, Config{})
	signs := counting(t, s, 40, func(i int) model.Nanos {
		if i > 36 {
			return begin + 365*second
		}
		return begin - 3600*second
	})
	require.Len(t, signs, 1)
	assert.Contains(t, signs[0].text, "pay restarted at")
	assert.Empty(t, s.last)
}

// Counters of the kernel begin again when a program was idle.
func TestCountersOfTheKernelShowNoRestart(t *testing.T) {
	s := newShop(t, Config{})
	s.resources["pay"] = resourceOf("pay")
	s.resources["pay"].Attributes = append(s.resources["pay"].Attributes, text(semconv.Source, origin.KernelSource)...)
	signs := counting(t, s, 40, func(i int) model.Nanos {
		if i > 36 {
			return begin + 365*second
		}
		return begin - 3600*second
	})
	assert.Empty(t, signs)
	assert.Empty(t, s.last)
}

func TestRestartsAgainAndAgainAreAnIncident(t *testing.T) {
	s := newShop(t, Config{})
	counting(t, s, 40, func(int) model.Nanos { return begin - 3600*second })
	require.Empty(t, s.last)
	signs := counting(t, s, 12, func(int) model.Nanos { return s.at - 9*second })
	require.Len(t, signs, 1)
	assert.Equal(t, "restarts", signs[0].key.what)
	assert.Contains(t, s.only(t).Title, "pay has restarted again and again")
}

// A restart of all pods in turn, whose names stay, is a release.
func TestEachPodRestartsOnce(t *testing.T) {
	s := newShop(t, Config{})
	pod := func(n int) *model.Resource {
		return &model.Resource{Attributes: model.Attributes{
			{Key: "service.name", Value: model.StringValue("pay")},
			{Key: "k8s.pod.name", Value: model.StringValue(fmt.Sprintf("pay-%d", n))},
		}}
	}
	for n := range 10 {
		s.resources["pay"] = pod(n)
		counting(t, s, 40, func(int) model.Nanos { return begin - 3600*second })
	}
	var signs []*sign
	for n := range 10 {
		s.resources["pay"] = pod(n)
		signs = counting(t, s, 1, func(int) model.Nanos { return s.at - second })
	}
	assert.NotEmpty(t, signs)
	for _, g := range signs {
		assert.Equal(t, "restart", g.key.what)
	}
	assert.Empty(t, s.last)
}

// Two replicas that report under one name count each for itself.
func TestTwoReplicasUnderOneNameDoNotRestart(t *testing.T) {
	s := newShop(t, Config{})
	signs := counting(t, s, 40, func(i int) model.Nanos { return begin - model.Nanos(3600+1800*(i%2))*second })
	assert.Empty(t, signs)
}
