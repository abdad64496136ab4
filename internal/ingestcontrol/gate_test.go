// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ingestcontrol

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pass counts how many of n records of one moment pass.
func pass(g *Gate, n int, now time.Time) (passed int) {
	for range n {
		if !g.Drop(now, true, [16]byte{}) {
			passed++
		}
	}
	return passed
}

func dropped(g *Gate) map[string]uint64 {
	counts := map[string]uint64{}
	for reason, n := range g.Dropped() {
		if n > 0 {
			counts[reason.String()] = n
		}
	}
	return counts
}

func TestGate(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	config := func(adapt func(*Config)) Config {
		c := DefaultConfig()
		adapt(&c)
		return c
	}
	for name, test := range map[string]struct {
		config  Config
		passed  int
		dropped map[string]uint64
	}{
		"all":        {config(func(*Config) {}), 1000, map[string]uint64{}},
		"disabled":   {config(func(c *Config) { c.Enabled = false }), 0, map[string]uint64{"disabled": 1000}},
		"sampling":   {config(func(c *Config) { c.SamplingPercent = 2.5 }), 25, map[string]uint64{"sampling": 975}},
		"rate limit": {config(func(c *Config) { c.MaxPerSecond = 30 }), 30, map[string]uint64{"rate_limit": 970}},
		"a fraction": {config(func(c *Config) { c.MaxPerSecond = 0.1 }), 1, map[string]uint64{"rate_limit": 999}},
		"both":       {config(func(c *Config) { c.SamplingPercent, c.MaxPerSecond = 10, 30 }), 30, map[string]uint64{"sampling": 900, "rate_limit": 70}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewGate(test.config)
			assert.Equal(t, test.passed, pass(g, 1000, now))
			assert.Equal(t, test.dropped, dropped(g))
			assert.Equal(t, name == "all", g.Open())
		})
	}
	g := NewGate(config(func(c *Config) { c.MaxPerSecond = 30 }))
	pass(g, 100, now)
	assert.Equal(t, 15, pass(g, 100, now.Add(500*time.Millisecond)), "the bound is one of each second")
	assert.True(t, g.Drop(now.Add(time.Hour), false, [16]byte{}))
	assert.EqualValues(t, 1, dropped(g)["filter"])
}

// Records that are looked at concurrently are sampled as exactly as others.
func TestGateOfSeveralPipelines(t *testing.T) {
	c := DefaultConfig()
	c.SamplingPercent = 25
	g := NewGate(c)
	var passed atomic.Int64
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() { passed.Add(int64(pass(g, 1000, time.Unix(1, 0)))) })
	}
	workers.Wait()
	assert.EqualValues(t, 2000, passed.Load())
}

func TestTracesAreSampledAsAWhole(t *testing.T) {
	c := DefaultConfig()
	c.SamplingPercent = 50
	one, other := NewGate(c), NewGate(c)
	passed := 0
	for i := range 256 {
		trace := [16]byte{0: 1, 9: byte(i)}
		first := one.Drop(time.Unix(1, 0), true, trace)
		require.Equal(t, first, one.Drop(time.Unix(2, 0), true, trace))
		require.Equal(t, first, other.Drop(time.Unix(3, 0), true, trace), "another collector decides alike")
		if !first {
			passed++
		}
	}
	assert.Equal(t, 128, passed)
}

// is holds of one text; it fails on the empty one.
type is string

func (c is) Eval(_ context.Context, record string) (bool, error) {
	if record == "" {
		return true, errors.New("no text")
	}
	return record == string(c), nil
}

func parse(texts []string) ([]is, error) {
	var list []is
	for _, text := range texts {
		if text == "bad" {
			return nil, errors.New("no condition")
		}
		list = append(list, is(text))
	}
	return list, nil
}

func TestFilter(t *testing.T) {
	for name, test := range map[string]struct {
		include, exclude []string
		want             []string
	}{
		"none":              {nil, nil, []string{"", "a", "b", "c"}},
		"include":           {[]string{"a", "b"}, nil, []string{"a", "b"}},
		"exclude":           {nil, []string{"a"}, []string{"", "b", "c"}},
		"exclude goes last": {[]string{"a", "b"}, []string{"b"}, []string{"a"}},
	} {
		f, err := NewFilter[string](Config{Include: test.include, Exclude: test.exclude}, parse)
		require.NoError(t, err)
		assert.Equal(t, name == "none", f.Idle())
		var got []string
		for _, record := range []string{"", "a", "b", "c"} {
			if f.Wants(t.Context(), record) {
				got = append(got, record)
			}
		}
		assert.Equal(t, test.want, got, name)
	}
	_, err := NewFilter[string](Config{Include: []string{"bad"}}, parse)
	require.EqualError(t, err, "include: must be OTTL conditions: no condition")
	_, err = NewFilter[string](Config{Exclude: []string{"bad"}}, parse)
	require.EqualError(t, err, "exclude: must be OTTL conditions: no condition")
}

func TestCheck(t *testing.T) {
	good := DefaultConfig()
	require.NoError(t, good.Check())
	require.NoError(t, good.CheckPoints())
	for want, adapt := range map[string]func(*Config){
		"sampling_percent: must be above 0 and at most 100, is 0": func(c *Config) { c.SamplingPercent = 0 },
		"sampling_percent: must be above 0 and at most 100, is N": func(c *Config) { c.SamplingPercent = math.NaN() },
		"max_per_second: must be 0 for no bound, or more, is -1":  func(c *Config) { c.MaxPerSecond = -1 },
		"max_per_second: must be 0 for no bound, or more, is NaN": func(c *Config) { c.MaxPerSecond = math.NaN() },
	} {
		c := DefaultConfig()
		adapt(&c)
		require.ErrorContains(t, c.Check(), want)
	}
	c := DefaultConfig()
	c.SamplingPercent = 50
	require.ErrorContains(t, c.CheckPoints(), "sampling_percent: must be left out, is 50")
}
