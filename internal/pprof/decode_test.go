// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package pprof

import (
	"bytes"
	"compress/gzip"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

func unpacked(t testing.TB, data []byte) []byte {
	t.Helper()
	data, err := Unpack(data, 1<<20)
	require.NoError(t, err)
	return data
}

// What Encode writes is read back.
func TestDecodeReadsBack(t *testing.T) {
	want := some()
	data, err := Encode(want)
	require.NoError(t, err)
	list, err := Decode(unpacked(t, data))
	require.NoError(t, err)
	require.Len(t, list, 1)
	got := list[0]
	assert.Equal(t, want.Type, got.Type)
	assert.Equal(t, want.Time, got.Time)
	assert.Equal(t, want.Duration, got.Duration)
	for i := range want.Samples {
		var sum int64
		for _, value := range want.Samples[i].Values {
			sum += value
		}
		assert.Equal(t, []int64{sum}, got.Samples[i].Values)
	}
	text, err := Folded(&got, 1000)
	require.NoError(t, err)
	assert.Contains(t, string(text), "main.main;libc.so.6+0x10 40\n")
}

// A profile of the Go runtime has several sample types, one profile each.
func TestDecodeReadsTheHeapOfThisProcess(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, pprof.Lookup("allocs").WriteTo(&file, 0))
	list, err := Decode(unpacked(t, file.Bytes()))
	require.NoError(t, err)
	var names []string
	for i := range list {
		names = append(names, list[i].Type.Name)
		assert.Same(t, list[0].Dictionary, list[i].Dictionary)
		for _, s := range list[i].Samples {
			assert.NotZero(t, s.Values[0])
		}
	}
	assert.Equal(t, []string{"alloc_objects", "alloc_space", "inuse_objects", "inuse_space"}, names)
}

func TestDecodeKeepsLabelsAndLinks(t *testing.T) {
	from := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "cpu", Unit: "nanoseconds"}},
		Sample: []*profile.Sample{{
			Value: []int64{5},
			Label: map[string][]string{
				"trace_id": {"000102030405060708090a0b0c0d0e0f"}, "span_id": {"0001020304050607"}, "endpoint": {"/pay"},
			},
			NumLabel: map[string][]int64{"bytes": {64}},
		}, {Value: []int64{6}, Label: map[string][]string{"span_id": {"12345678901234567"}}}},
	}
	var file bytes.Buffer
	require.NoError(t, from.WriteUncompressed(&file))
	list, err := Decode(file.Bytes())
	require.NoError(t, err)
	s := list[0].Samples[0]
	assert.Equal(t, "000102030405060708090a0b0c0d0e0f", s.TraceID.String())
	assert.Equal(t, "0001020304050607", s.SpanID.String())
	assert.Equal(t, model.Attributes{{Key: "endpoint", Value: model.StringValue("/pay")}, {Key: "bytes", Value: model.IntValue(64)}},
		list[0].Dictionary.Sets[s.Set])
	assert.True(t, list[0].Samples[1].SpanID.IsZero(), "no id is a label")
	assert.NotEqual(t, model.NoSet, list[0].Samples[1].Set)
}

func TestBadFiles(t *testing.T) {
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	_, err := w.Write(make([]byte, 2000))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	_, err = Unpack(bomb.Bytes(), 1000)
	require.ErrorContains(t, err, "data: has more than 1000 bytes")
	_, err = Unpack([]byte{0x1f, 0x8b, 0}, 1000)
	require.ErrorContains(t, err, "data: begins like gzip")
	_, err = Decode([]byte("no profile"))
	require.ErrorContains(t, err, "data: is not a profile in pprof's format")
	_, err = Decode(nil)
	require.ErrorContains(t, err, "data: is not a profile")
}

// One location that is many frames does not take memory without bound.
func TestExpandingStacksAreBounded(t *testing.T) {
	f := &profile.Function{ID: 1, Name: "f"}
	wide := &profile.Location{ID: 1}
	for range 3000 {
		wide.Line = append(wide.Line, profile.Line{Function: f})
	}
	from := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "cpu", Unit: "nanoseconds"}}, Function: []*profile.Function{f}, Location: []*profile.Location{wide},
	}
	for i := range maxStackFrames/maxDepth + 1 {
		leaf := &profile.Location{ID: uint64(2 + i), Line: []profile.Line{{Function: f, Line: int64(i)}}}
		from.Location = append(from.Location, leaf)
		from.Sample = append(from.Sample, &profile.Sample{Value: []int64{1}, Location: []*profile.Location{leaf, wide}})
	}
	var file bytes.Buffer
	require.NoError(t, from.WriteUncompressed(&file))
	_, err := Decode(file.Bytes())
	require.ErrorContains(t, err, "data: has stacks of more than")
}

func TestDecodeFolded(t *testing.T) {
	kind := model.ProfileType{Name: "samples", Unit: "count"}
	p, err := DecodeFolded([]byte("main;work 3\n\nmain 4\r\nmain;a b c 5"), kind, 2)
	require.NoError(t, err)
	text, err := Folded(p, 1000)
	require.NoError(t, err)
	assert.Equal(t, "main 8\nmain;a b c 10\nmain;work 6\n", string(text))
	for _, bad := range []string{"main", "main;work x", " 3", "main -1", "main 99999999999999999999", "ok 1\nmain 9223372036854775807"} {
		_, err := DecodeFolded([]byte(bad), kind, 2)
		var fault *model.FieldError
		require.ErrorAs(t, err, &fault, bad)
		assert.Contains(t, fault.Problem, "line "+map[bool]string{true: "2", false: "1"}[strings.Contains(bad, "\n")])
	}
}

// FuzzDecode reads any file without a panic, and all indexes of the result are valid.
func FuzzDecode(f *testing.F) {
	data, err := Encode(some())
	require.NoError(f, err)
	f.Add(unpacked(f, data))
	f.Add([]byte("main;work 3"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		list, _ := Decode(data)
		if p, err := DecodeFolded(data, model.ProfileType{}, 1); err == nil {
			list = append(list, *p)
		}
		for i := range list {
			for _, s := range list[i].Samples {
				for _, frame := range list[i].Dictionary.Stacks[s.Stack] {
					_ = list[i].Dictionary.Frames[frame]
				}
			}
		}
	})
}
