// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// varied are profiles with all that one may have: numbers of every size, values of every kind, several
// parts of one time, and samples with and without times.
func varied() []model.Profile {
	p := smallProfile()
	p.ID = model.ProfileID{1, 2, 3}
	p.Dictionary.Frames = append(p.Dictionary.Frames,
		model.Frame{Mapping: "libz.so", BuildID: "ab12", Kind: "native", Address: 1<<40 + 7}, model.Frame{Function: "f", File: "f.go", Line: 1 << 40},
		model.Frame{Function: "g", Line: -1, Kind: "go"}, model.Frame{Function: "h", File: "h.c", Line: 3, Address: 9}, model.Frame{})
	n := uint32(len(p.Dictionary.Frames))
	p.Dictionary.Stacks = append(p.Dictionary.Stacks, []uint32{n - 1, n - 2, n - 3, n - 4, n - 5})
	p.Samples = append(p.Samples, model.ProfileSample{Stack: uint32(len(p.Dictionary.Stacks) - 1), Set: model.NoSet, Values: []int64{-30}})
	p.Attributes = model.Attributes{
		{Key: "yes", Value: model.BoolValue(true)},
		{Key: "part", Value: model.DoubleValue(0.5)},
		{Key: "raw", Value: model.BytesValue([]byte{0, 255})},
		{Key: "below", Value: model.IntValue(-1)},
		{Key: "none"},
		{Key: "list", Value: model.ArrayValue(model.StringValue("a"), model.IntValue(2))},
		{Key: "map", Value: model.MapValue([]model.KeyValue{{Key: "k", Value: model.StringValue("v")}})},
	}
	q := p
	q.ID, q.Type.Period, q.Type.Name = next(p.ID), 1, "wall"
	r := stacked("other", 2000, cpu(), map[string][]string{"a": {"main"}}, map[string]int64{"a": 7})
	r.ID = model.ProfileID{9}
	return []model.Profile{p, q, r}
}

// written is what an earlier release wrote of varied.
const written = "testdata/volume-1.json"

// Files of earlier releases open, and hold what was stored.
func TestFilesOfEarlierReleasesOpen(t *testing.T) {
	text, err := os.ReadFile(written)
	require.NoError(t, err)
	var image Image
	require.NoError(t, json.Unmarshal(text, &image))
	old, now := opened(newClock(), 8*mib, 0), opened(newClock(), 8*mib, 0)
	room, err := old.Restore(&image)
	require.NoError(t, err)
	require.True(t, room)
	require.Zero(t, now.Append(varied()))
	wantList, wantTree := all(t, now)
	list, tree := all(t, old)
	assert.Equal(t, wantList, list)
	assert.Equal(t, wantTree, tree)
	before, _, _ := NewTail(old, 0).Poll(10)
	after, _, _ := NewTail(now, 0).Poll(10)
	assert.Equal(t, after, before)
	assert.Equal(t, now.Pending(3).Dictionary, image.Dictionary, "what is written is the same")
}

// Each profile keeps its time, however many are before it.
func TestManyProfilesKeepTheirTimes(t *testing.T) {
	s := opened(newClock(), 8*mib, 0)
	var want []model.Nanos
	for i := range 3*markEvery + 5 {
		p := smallProfile()
		p.ID = model.ProfileID{byte(i + 1)}
		p.Time += model.Nanos(i/2) * 1_000_000_000 // two have the same time
		want = append(want, p.Time)
		require.Zero(t, s.Append([]model.Profile{p}))
	}
	list, _ := all(t, s)
	var got []model.Nanos
	for _, of := range list {
		got = append(got, of.Time)
	}
	assert.ElementsMatch(t, want, got)
}
