// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package pprof

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

func some() *model.Profile {
	return &model.Profile{
		Resource: &model.Resource{}, Scope: &model.Scope{}, Time: 1_800_000_000e9, Duration: time.Minute,
		Type: model.ProfileType{Name: "cpu", Unit: "nanoseconds", PeriodName: "cpu", PeriodUnit: "nanoseconds", Period: 10},
		Dictionary: &model.ProfileDictionary{
			Frames: []model.Frame{
				{Function: "main.main", File: "main.go", Line: 3, Mapping: "/bin/app", BuildID: "ab"},
				{Mapping: "/lib/libc.so.6", Address: 0x10},
				{Kind: model.FrameTruncated},
				{Function: "a;b\nc"},
			},
			Stacks: [][]uint32{{0}, {1, 0}, {3, 2}},
		},
		Samples: []model.ProfileSample{
			{Stack: 0, Set: model.NoSet, Values: []int64{10, 20}},
			{Stack: 1, Set: model.NoSet, Values: []int64{40}},
			{Stack: 2, Set: model.NoSet, Values: []int64{5}},
			{Stack: 0, Set: model.NoSet, Values: []int64{1}},
		},
	}
}

func TestEncodeIsReadByPprof(t *testing.T) {
	data, err := Encode(some())
	require.NoError(t, err)
	got, err := profile.ParseData(data)
	require.NoError(t, err)
	assert.EqualValues(t, 1_800_000_000e9, got.TimeNanos)
	assert.Equal(t, int64(time.Minute), got.DurationNanos)
	assert.Equal(t, "cpu", got.SampleType[0].Type)
	assert.EqualValues(t, 30, got.Sample[0].Value[0])
	assert.Equal(t, "main.main", got.Sample[0].Location[0].Line[0].Function.Name)
	assert.EqualValues(t, 0x10, got.Sample[1].Location[0].Address)
	assert.Equal(t, "/lib/libc.so.6", got.Sample[1].Location[0].Mapping.File)
	assert.Equal(t, "[truncated]", got.Sample[2].Location[1].Line[0].Function.Name)
}

func TestFolded(t *testing.T) {
	text, err := Folded(some(), 1000)
	require.NoError(t, err)
	assert.Equal(t, "[truncated];a:b c 5\nmain.main 31\nmain.main;libc.so.6+0x10 40\n", string(text))
	_, err = Folded(some(), 10)
	var exhausted *model.ExhaustedError
	assert.ErrorAs(t, err, &exhausted)
}

func TestSpeedscope(t *testing.T) {
	text, err := Speedscope(some())
	require.NoError(t, err)
	var got speedscopeFile
	require.NoError(t, json.Unmarshal(text, &got))
	assert.Equal(t, [][]uint32{{0}, {0, 1}, {2, 3}, {0}}, got.Profiles[0].Samples)
	assert.Equal(t, []int64{30, 40, 5, 1}, got.Profiles[0].Weights)
	assert.EqualValues(t, 76, got.Profiles[0].EndValue)
	assert.Equal(t, "nanoseconds", got.Profiles[0].Unit)
	assert.Equal(t, "libc.so.6+0x10", got.Shared.Frames[1].Name)
}
