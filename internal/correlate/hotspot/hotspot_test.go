// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package hotspot

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

const (
	start  = model.Nanos(1_800_000_000e9)
	second = model.Nanos(1e9)
)

func onCPU() model.ProfileType {
	return model.ProfileType{Name: "cpu", Unit: "nanoseconds", PeriodName: "cpu", PeriodUnit: "nanoseconds", Period: 10_000_000}
}

// profile costs so many periods for each stack, given from the leaf to the root.
func profile(kind model.ProfileType, at model.Nanos, lasts time.Duration, stacks map[string]int64, of map[string][]model.Frame) *model.Profile {
	p := &model.Profile{Resource: &model.Resource{}, Scope: &model.Scope{}, Type: kind, Time: at, Duration: lasts, Dictionary: &model.ProfileDictionary{}}
	for name, n := range stacks {
		var stack []uint32
		for _, f := range of[name] {
			stack = append(stack, uint32(len(p.Dictionary.Frames)))
			p.Dictionary.Frames = append(p.Dictionary.Frames, f)
		}
		p.Samples = append(p.Samples, model.ProfileSample{
			Stack: uint32(len(p.Dictionary.Stacks)), Set: model.NoSet, Values: []int64{n * max(kind.Period, 1)},
		})
		p.Dictionary.Stacks = append(p.Dictionary.Stacks, stack)
	}
	return p
}

func frames() map[string][]model.Frame {
	main := model.Frame{Function: "main.main", File: "main.go", Line: 3}
	return map[string][]model.Frame{
		"serve": {{Function: "main.serve", File: "main.go", Line: 10}, main},
		"hash":  {{Function: "crypto/sha256.block"}, {Function: "crypto/sha256.Sum256"}, {Function: "main.price", File: "price.go", Line: 42}, main},
		"gc":    {{Function: "runtime.scanobject"}, {Function: "runtime.gcBgMarkWorker"}},
		"":      {{Mapping: "libx.so", Address: 7}},
	}
}

// shop is 10 minutes of profiles, one every 10 s; from the fifth on a function costs more.
func shop(b *Book, hash int64) (onset model.Nanos) {
	onset = start + 300*second
	for at := start; at < start+600*second; at += 10 * second {
		stacks := map[string]int64{"serve": 40, "hash": 2, "gc": 4, "": 4}
		if at >= onset {
			stacks["hash"] = hash
		}
		b.Observe("shop", profile(onCPU(), at, 10*time.Second, stacks, frames()))
	}
	return onset
}

// What a library costs more counts for the function of the program that calls it.
func TestTheFunctionThatGrewIsFound(t *testing.T) {
	b := New(1 << 20)
	onset := shop(b, 60)
	g, found := b.Grown("shop", OnCPU, onset, onset+120*second)
	require.True(t, found)
	assert.Equal(t, Function{"main.price", "price.go"}, g.Function)
	assert.EqualValues(t, 42, g.Line)
	assert.InDelta(t, 2.0/50, g.Before, 1e-9)
	assert.InDelta(t, 60.0/108, g.After, 1e-9)
	assert.EqualValues(t, 1500, g.SeenBefore)
	assert.EqualValues(t, 12*108, g.SeenAfter)
	assert.Equal(t, model.TimeRange{Start: start, End: onset}, g.BeforeSpan)
	assert.Equal(t, model.TimeRange{Start: onset, End: onset + 120*second}, g.AfterSpan)
	_, found = b.Grown("cart", OnCPU, onset, onset+120*second)
	assert.False(t, found)
}

// Where there is too little to compare, or nothing grew beyond doubt, nothing is named.
func TestNothingIsGuessed(t *testing.T) {
	b := New(1 << 20)
	onset := shop(b, 60)
	for name, times := range map[string][2]model.Nanos{
		"no profiles before": {start, start + 120*second}, "too few before": {start + 15*second, start + 200*second},
		"too few after": {onset + 299*second, onset + 400*second},
	} {
		g, found := b.Grown("shop", OnCPU, times[0], times[1])
		assert.False(t, found, "%s: %+v", name, g)
	}
	b = New(1 << 20)
	onset = shop(b, 4) // 8 % instead of 4 %
	_, found := b.Grown("shop", OnCPU, onset, onset+300*second)
	assert.False(t, found)
}

func TestRuntimesCountWhereNoProgramCalls(t *testing.T) {
	b := New(1 << 20)
	onset := start + 300*second
	for at := start; at < start+600*second; at += 10 * second {
		gc := int64(2)
		if at >= onset {
			gc = 60
		}
		b.Observe("shop", profile(onCPU(), at, 10*time.Second, map[string]int64{"serve": 40, "gc": gc}, frames()))
	}
	g, found := b.Grown("shop", OnCPU, onset, onset+200*second)
	require.True(t, found)
	assert.Equal(t, "runtime.scanobject", g.Function.Name)
}

// Of a profile whose samples have times each counts at its own.
func TestSamplesCountAtTheirTime(t *testing.T) {
	b := New(1 << 20)
	onset := start + 300*second
	for at := start; at < start+600*second; at += 60 * second {
		p := profile(onCPU(), at, time.Minute, map[string]int64{"serve": 0, "hash": 0}, frames())
		for i := range p.Samples {
			s := &p.Samples[i]
			s.Values = nil
			for t := at; t < at+60*second; t += second / 2 {
				isHash := p.Dictionary.Frames[p.Dictionary.Stacks[s.Stack][0]].Function == "crypto/sha256.block"
				if isHash == (t >= onset) {
					s.Values, s.Times = append(s.Values, 10_000_000), append(s.Times, t)
				}
			}
		}
		b.Observe("shop", p)
	}
	g, found := b.Grown("shop", OnCPU, onset, onset+290*second)
	require.True(t, found)
	assert.Equal(t, "main.price", g.Function.Name)
	assert.InDelta(t, 0, g.Before, 1e-9)
	assert.InDelta(t, 1, g.After, 1e-9)
}

func TestWaitingIsComparedByItsTime(t *testing.T) {
	b := New(1 << 20)
	kind := model.ProfileType{Name: "mutex_duration", Unit: "nanoseconds"}
	of := map[string][]model.Frame{"lock": {{Function: "sync.(*Mutex).Unlock"}, {Function: "main.(*Cache).Get", File: "cache.go", Line: 9}}}
	onset := start + 300*second
	for at := start; at < start+600*second; at += 10 * second {
		p := profile(kind, at, 10*time.Second, map[string]int64{"lock": 1e8}, of)
		if at >= onset {
			p.Samples[0].Values = []int64{2e9, 2e9, 1e9}
		}
		b.Observe("shop", p)
	}
	g, found := b.Grown("shop", Waiting, onset, onset+200*second)
	require.True(t, found)
	assert.Equal(t, "main.(*Cache).Get", g.Function.Name)
	assert.InDelta(t, 0.01, g.Before, 1e-9)
	assert.InDelta(t, 0.5, g.After, 1e-9)
	_, found = b.Grown("shop", OnCPU, onset, onset+200*second)
	assert.False(t, found)
}

// Whatever profiles hold, the book keeps to its bound, and a function that matters stays.
func TestTheBookIsBounded(t *testing.T) {
	const bound = 512 << 10
	b := New(bound)
	for at := start; at < start+2400*second; at += 40 * second {
		for service := range 6 {
			stacks, of := map[string]int64{"hot": 5000}, map[string][]model.Frame{"hot": {{Function: "main.hot"}}}
			for i := range 600 {
				name := fmt.Sprintf("main.function%d_%d", int64(at/second)%1000, i)
				stacks[name], of[name] = 1, []model.Frame{{Function: name, File: "some/long/path/to/a/file.go"}}
			}
			b.Observe(fmt.Sprint("service", service), profile(onCPU(), at, 20*time.Second, stacks, of))
			require.Less(t, b.Bytes(), bound+512<<10)
		}
	}
	assert.NotZero(t, b.Evicted())
	newest := b.series[key{"service5", "cpu"}]
	require.NotNil(t, newest)
	assert.LessOrEqual(t, len(newest.names), maxNames)
	assert.Contains(t, newest.numbers, Function{Name: "main.hot"})
	for _, held := range newest.list[:len(newest.list)-1] {
		assert.LessOrEqual(t, len(held.costs), perBucket)
	}
	b.Observe("service5", profile(onCPU(), start, time.Second, map[string]int64{"serve": 5}, frames()))
	assert.Greater(t, newest.list[0].number, int64(start/width), "what is too old is left out")
}

func TestFramesOfLanguages(t *testing.T) {
	for _, f := range []model.Frame{
		{Function: "runtime.mallocgc"},
		{Function: "crypto/sha256.block"},
		{Function: "encoding/json.(*Decoder).Decode", Kind: "go"},
		{Function: "do_syscall_64", Kind: "kernel"},
		{Function: "malloc", Mapping: "/lib/x86_64-linux-gnu/libc.so.6", Kind: "native"},
		{Function: "java.util.HashMap.get", Kind: "jvm"},
		{Function: "dumps", File: "/usr/lib/python3.11/json/__init__.py", Kind: "cpython"},
		{Function: "processTicks", File: "node:internal/process", Kind: "v8js"},
	} {
		assert.True(t, ofTheLanguage(&f), "%+v", f)
	}
	for _, f := range []model.Frame{
		{Function: "main.work"},
		{Function: "github.com/shop/price.Of"},
		{Function: "example.com/net/x.F", Kind: "go"},
		{Function: "io.shop.Cart.add", Kind: "jvm"},
		{Function: "work", Mapping: "/usr/bin/shop", Kind: "native"},
		{Function: "view", File: "/usr/lib/python3/dist-packages/shop.py", Kind: "cpython"},
		{Function: "shop::price", Kind: "native"},
	} {
		assert.False(t, ofTheLanguage(&f), "%+v", f)
	}
}

// A clock that is wrong, or a duration in another unit, must not end what is kept.
func TestImplausibleTimesDoNotHideProfiles(t *testing.T) {
	for name, damage := range map[string]func(p *model.Profile){
		"duration": func(p *model.Profile) { p.Duration = 1 << 62 },
		"sample in the future": func(p *model.Profile) {
			p.Samples[0].Times = []model.Nanos{start + 365*24*3600*second}
		},
		"sample of long ago": func(p *model.Profile) { p.Samples[0].Times = []model.Nanos{second} },
	} {
		b := New(1 << 20)
		bad := profile(onCPU(), start, 10*time.Second, map[string]int64{"serve": 1}, frames())
		damage(bad)
		b.Observe("shop", bad)
		onset := shop(b, 60)
		g, found := b.Grown("shop", OnCPU, onset, onset+120*second)
		require.True(t, found, name)
		assert.Equal(t, "main.price", g.Function.Name, name)
	}
}
