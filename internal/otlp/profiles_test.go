// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"go.opentelemetry.io/collector/pdata/pprofile/pprofileotlp"

	"github.com/tapio/tapio/internal/model"
)

// someProfiles are two profiles of one dictionary, with all that a profile can have.
func someProfiles() []model.Profile {
	text := model.StringValue
	dictionary := &model.ProfileDictionary{
		Frames: []model.Frame{
			{Function: "main.work", File: "main.go", Line: 40, Mapping: "app", BuildID: "ab12", Kind: "go"},
			{Function: "main.main", File: "main.go", Line: 12, Mapping: "app", BuildID: "ab12", Kind: "go"},
			{Mapping: "libc.so.6", BuildID: "cd34", Address: 0x1234, Kind: "native"},
		},
		Stacks: [][]uint32{{0, 1}, {2, 0, 1}},
		Sets:   []model.Attributes{{{Key: "thread.name", Value: text("worker")}, {Key: "thread.id", Value: model.IntValue(7)}}},
	}
	resource := &model.Resource{
		Attributes: model.Attributes{{Key: "service.name", Value: text("shop")}, {Key: "tags", Value: model.ArrayValue(text("a"), text("b"))}},
		SchemaURL:  "https://example.com/schema",
	}
	scope := &model.Scope{Name: "profiler", Version: "1", Attributes: model.Attributes{{Key: "of", Value: text("scope")}}}
	return []model.Profile{
		{
			ID: model.ProfileID{1}, Resource: resource, Scope: scope, Time: 1_800_000_000e9, Duration: time.Minute, Dictionary: dictionary,
			Attributes: model.Attributes{{Key: "of", Value: text("profile")}},
			Type:       model.ProfileType{Name: "cpu", Unit: "nanoseconds", PeriodName: "cpu", PeriodUnit: "nanoseconds", Period: 5},
			Samples: []model.ProfileSample{
				{Stack: 0, Set: 0, TraceID: model.TraceID{1}, SpanID: model.SpanID{2}, Values: []int64{5, 10}, Times: []model.Nanos{1_800_000_001e9, 1_800_000_002e9}},
				{Stack: 1, Set: model.NoSet, Values: []int64{15}},
			},
		},
		{
			ID: model.ProfileID{2}, Resource: resource, Scope: scope, Time: 1_800_000_000e9, Dictionary: dictionary,
			Type:    model.ProfileType{Name: "inuse_space", Unit: "bytes"},
			Samples: []model.ProfileSample{{Stack: 1, Set: model.NoSet, Values: []int64{4096}}},
		},
	}
}

// What is written is read back, whether texts are references or not.
func TestProfilesRoundTrip(t *testing.T) {
	want := someProfiles()
	plain := ProfilesFrom(want)
	encoded, err := MarshalProfiles(want)
	require.NoError(t, err)
	references := pprofileotlp.NewExportRequest()
	require.NoError(t, references.UnmarshalProto(encoded), "as the OTLP receiver reads it")
	require.True(t, unresolved(references.Profiles().ResourceProfiles().At(0).Resource().Attributes()),
		"if pdata resolves references by now, profiles_resolve.go can go")
	for name, from := range map[string]pprofile.Profiles{"plain": plain, "references": references.Profiles()} {
		t.Run(name, func(t *testing.T) {
			got, rejected := Profiles(from)
			require.Empty(t, rejected)
			require.Len(t, got, len(want))
			for i := range got {
				assert.Equal(t, want[i].Dictionary, got[i].Dictionary)
				got[i].Dictionary, got[i].Attributes = want[i].Dictionary, append(model.Attributes(nil), got[i].Attributes...)
				assert.Equal(t, want[i], got[i])
			}
		})
	}
}

// OpenTelemetry's eBPF profiler sends times only: each is one tick of the CPU clock.
func TestTicksBecomeCPUTime(t *testing.T) {
	from := someProfiles()[:1]
	from[0].Type = model.ProfileType{Name: "samples", Unit: "count", PeriodName: "cpu", PeriodUnit: "nanoseconds", Period: 50_000_000}
	from[0].Samples = from[0].Samples[:1]
	ticks := ProfilesFrom(from)
	sample := ticks.ResourceProfiles().At(0).ScopeProfiles().At(0).Profiles().At(0).Samples().At(0)
	sample.Values().FromRaw(nil)
	got, rejected := Profiles(ticks)
	require.Empty(t, rejected)
	assert.Equal(t, "cpu", got[0].Type.Name)
	assert.Equal(t, "nanoseconds", got[0].Type.Unit)
	assert.Equal(t, []int64{50_000_000, 50_000_000}, got[0].Samples[0].Values)
	sample.Values().FromRaw([]int64{3, 4}) // a translated pprof file has both types
	got, _ = Profiles(ticks)
	assert.Equal(t, "samples", got[0].Type.Name)
	assert.Equal(t, []int64{3, 4}, got[0].Samples[0].Values)
}

// What leads nowhere is left out and counted, and the rest is read.
func TestDanglingReferences(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(pprofile.Profiles, pprofile.Profile)
		want  model.ProfileRejections
	}{
		"stack":    {func(_ pprofile.Profiles, p pprofile.Profile) { p.Samples().At(0).SetStackIndex(99) }, rejections(model.ProfileDangling, 2)},
		"negative": {func(_ pprofile.Profiles, p pprofile.Profile) { p.Samples().At(0).SetStackIndex(-1) }, rejections(model.ProfileDangling, 2)},
		"link":     {func(_ pprofile.Profiles, p pprofile.Profile) { p.Samples().At(0).SetLinkIndex(99) }, rejections(model.ProfileDangling, 2)},
		"set":      {func(_ pprofile.Profiles, p pprofile.Profile) { p.Samples().At(0).AttributeIndices().Append(99) }, rejections(model.ProfileDangling, 2)},
		"type":     {func(_ pprofile.Profiles, p pprofile.Profile) { p.SampleType().SetTypeStrindex(-5) }, rejections(model.ProfileDangling, 3)},
		"location": {func(all pprofile.Profiles, _ pprofile.Profile) {
			all.Dictionary().StackTable().At(2).LocationIndices().Append(99)
		}, rejections(model.ProfileDangling, 2)}, // one in each profile
		"function": {func(all pprofile.Profiles, _ pprofile.Profile) {
			all.Dictionary().LocationTable().At(2).Lines().At(0).SetFunctionIndex(1 << 30)
		}, rejections(model.ProfileDangling, 4)},
		"mapping": {func(all pprofile.Profiles, _ pprofile.Profile) {
			all.Dictionary().LocationTable().At(3).SetMappingIndex(99)
		}, rejections(model.ProfileDangling, 2)},
		"values":  {func(_ pprofile.Profiles, p pprofile.Profile) { p.Samples().At(0).Values().Append(1) }, rejections(model.ProfileMalformed, 3)},
		"nothing": {func(_ pprofile.Profiles, p pprofile.Profile) { p.Samples().At(1).Values().FromRaw(nil) }, rejections(model.ProfileMalformed, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			all := ProfilesFrom(someProfiles())
			test.spoil(all, all.ResourceProfiles().At(0).ScopeProfiles().At(0).Profiles().At(0))
			got, rejected := Profiles(all)
			assert.Equal(t, test.want, rejected)
			read := 0
			for i := range got {
				for _, s := range got[i].Samples {
					read += len(s.Values)
				}
			}
			if test.want[model.ProfileMalformed] == 0 {
				assert.EqualValues(t, 4, uint64(read)+rejected.Total(), "all are read or counted")
			}
		})
	}
}

func rejections(reason string, n uint64) model.ProfileRejections {
	return model.ProfileRejections{reason: n}
}

// A few bytes that stand for very many frames do not take memory without bound.
func TestExpandingStacksAreBounded(t *testing.T) {
	all := ProfilesFrom(someProfiles())
	dictionary := all.Dictionary()
	wide := dictionary.LocationTable().AppendEmpty()
	for range 3000 {
		dictionary.LocationTable().At(2).Lines().At(0).CopyTo(wide.Lines().AppendEmpty())
	}
	samples := all.ResourceProfiles().At(0).ScopeProfiles().At(0).Profiles().At(0).Samples()
	for range 2 * maxStackFrames / maxProfileDepth {
		samples.AppendEmpty().SetStackIndex(int32(dictionary.StackTable().Len()))
		samples.At(samples.Len() - 1).Values().Append(1)
		dictionary.StackTable().AppendEmpty().LocationIndices().FromRaw([]int32{4, 4})
	}
	got, rejected := Profiles(all)
	frames := 0
	for _, stack := range got[0].Dictionary.Stacks {
		require.LessOrEqual(t, len(stack), maxProfileDepth+1)
		frames += len(stack)
	}
	assert.LessOrEqual(t, frames, maxStackFrames)
	assert.NotZero(t, rejected[model.ProfileTooLarge])
	last := got[0].Dictionary.Stacks[len(got[0].Dictionary.Stacks)-1]
	assert.True(t, got[0].Dictionary.Frames[last[len(last)-1]].IsTruncated())
}

// FuzzProfiles reads any request without a panic, and all indexes of the result are valid.
func FuzzProfiles(f *testing.F) {
	encoded, err := MarshalProfiles(someProfiles())
	require.NoError(f, err)
	plain, err := pprofileotlp.NewExportRequestFromProfiles(ProfilesFrom(someProfiles())).MarshalProto()
	require.NoError(f, err)
	f.Add(encoded)
	f.Add(plain)
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := NewScale().Profiles(data, 1<<20); err != nil {
			return // would not be decoded
		}
		request := pprofileotlp.NewExportRequest()
		if request.UnmarshalProto(data) != nil {
			return
		}
		list, _ := Profiles(request.Profiles())
		for i := range list {
			d := list[i].Dictionary
			for _, s := range list[i].Samples {
				if s.Set != model.NoSet {
					_ = d.Sets[s.Set]
				}
				for _, frame := range d.Stacks[s.Stack] {
					_ = d.Frames[frame]
				}
				if len(s.Values) == 0 || len(s.Times) > 0 && len(s.Times) != len(s.Values) {
					t.Fatalf("%d values, %d times", len(s.Values), len(s.Times))
				}
			}
		}
	})
}
