// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/disk/disktest"
)

// richProfiles are profiles with everything that one may have.
func richProfiles(r *rand.Rand, n int) []model.Profile {
	d := &model.ProfileDictionary{Sets: []model.Attributes{attributes("thread.name", "worker"), attributes("thread.name", "main")}}
	for i := range 40 {
		d.Frames = append(d.Frames, model.Frame{
			Function: fmt.Sprintf("function%d", r.IntN(60)), File: fmt.Sprintf("file%d.go", i%7), Line: int64(r.IntN(90)),
			Mapping: "libc.so.6", BuildID: "b1", Address: r.Uint64(), Kind: "native",
		})
	}
	for range 30 {
		stack := make([]uint32, 1+r.IntN(9))
		for i := range stack {
			stack[i] = uint32(r.IntN(len(d.Frames)))
		}
		d.Stacks = append(d.Stacks, stack)
	}
	resource, scope := &model.Resource{Attributes: attributes("service.name", fmt.Sprint("service", r.IntN(3)))}, &model.Scope{Name: "profiler"}
	types := []model.ProfileType{{Name: "cpu", Unit: "nanoseconds", PeriodName: "cpu", PeriodUnit: "nanoseconds", Period: 10}, {Name: "delay", Unit: "nanoseconds"}}
	list := make([]model.Profile, n)
	for i := range list {
		at := model.Nanos(1e18 + r.Int64N(1e12))
		p := model.Profile{
			Resource: resource, Scope: scope, Dictionary: d, Type: types[r.IntN(2)], Time: at, Duration: time.Duration(r.Int64N(1e10)),
			Attributes: attributes("vcs.ref.head.revision", fmt.Sprint(r.IntN(2))),
		}
		for range r.IntN(20) {
			s := model.ProfileSample{Stack: uint32(r.IntN(len(d.Stacks))), Set: model.NoSet}
			if r.IntN(2) == 0 {
				s.Set = uint32(r.IntN(2))
			}
			if r.IntN(3) == 0 {
				s.TraceID, s.SpanID = model.TraceID{byte(r.IntN(9))}, model.SpanID{byte(1 + r.IntN(9))}
			}
			timed := r.IntN(2) == 0
			for range 1 + r.IntN(4) {
				s.Values = append(s.Values, 10*r.Int64N(100)-100)
				if timed {
					s.Times = append(s.Times, at+model.Nanos(r.Int64N(1e10)))
				}
			}
			p.Samples = append(p.Samples, s)
		}
		list[i] = p
	}
	return list
}

// storedProfiles renders all profiles, and what their samples add up to.
func storedProfiles(t *testing.T, s *Store) (rendered []string) {
	t.Helper()
	page, err := s.ListProfiles(t.Context(), model.ProfileQuery{Paging: model.Paging{Limit: 1 << 20}})
	require.NoError(t, err)
	for i := range page.Rows {
		p := page.Rows[i]
		rendered = append(rendered, fmt.Sprintf("%x %d %v %v %v %v %v %v %d %d", p.ID, p.Seq, p.Resource.Attributes, p.Scope.Name, p.Attributes,
			p.Type, p.Time, p.Duration, p.Samples, p.Total))
	}
	main, err := model.NewSelector("thread.name", "=", []string{"main"})
	require.NoError(t, err)
	for _, q := range []model.ProfileQuery{
		{},
		{Filter: model.Filter{Selectors: []model.Selector{main}}},
		{SpanID: model.SpanID{3}},
		{TraceID: model.TraceID{4}},
		{Filter: model.Filter{Time: model.TimeRange{Start: 1e18 + 3e11, End: 1e18 + 6e11}}},
	} {
		for _, kind := range []string{"cpu", "delay"} {
			q.Types = []string{kind}
			tree, err := s.MergeProfiles(t.Context(), q)
			require.NoError(t, err)
			rendered = append(rendered, fmt.Sprintf("%+v", tree))
		}
	}
	return rendered
}

// A profile that is stored in parts is one after a kill, too, whose identifier stays.
func TestALargeProfileSurvivesAKillWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, r := disktest.New(), &troubles{}
		s := openOn(t, disk, DurabilitySync, r)
		large := richProfiles(rand.New(rand.NewPCG(51, 51)), 1)[0]
		large.Samples = nil
		for i := range 60_000 {
			large.Dictionary.Frames = append(large.Dictionary.Frames, model.Frame{Function: fmt.Sprint("large", i)})
			large.Dictionary.Stacks = append(large.Dictionary.Stacks, []uint32{uint32(len(large.Dictionary.Frames) - 1), 3})
			large.Samples = append(large.Samples, model.ProfileSample{Stack: uint32(len(large.Dictionary.Stacks) - 1), Set: model.NoSet, Values: []int64{1}})
		}
		refused, err := s.AppendProfiles([]model.Profile{large})
		require.NoError(t, err)
		require.Zero(t, refused)
		time.Sleep(2 * flushOpen)
		_, err = s.AppendProfiles(richProfiles(rand.New(rand.NewPCG(52, 52)), 30))
		require.NoError(t, err)
		want := storedProfiles(t, s)
		again := openOn(t, disk.PowerLoss(), DurabilitySync, r)
		require.Equal(t, want, storedProfiles(t, again))
		assert.Equal(t, s.Stats()[3].LastSeq, again.Stats()[3].LastSeq)
		assert.Empty(t, r.all())
	})
}

// The files of evicted profiles go, and what is evicted is not there after a start.
func TestFilesOfProfilesGoWithThem(t *testing.T) {
	path, r := t.TempDir(), &troubles{}
	limits := diskLimits()
	limits.Profiles = mebibyte
	s := open(t, path, limits, r)
	random := rand.New(rand.NewPCG(53, 53))
	for s.Stats()[3].Evicted[reasonSize] == 0 {
		_, err := s.AppendProfiles(richProfiles(random, 50))
		require.NoError(t, err)
		s.directory.catchUp(true)
	}
	s.directory.catchUp(true)
	files, err := filepath.Glob(filepath.Join(path, "profiles-*"+fileSuffix))
	require.NoError(t, err)
	assert.NotEmpty(t, files)
	assert.LessOrEqual(t, len(files), 16)
	again := open(t, crash(t, s, path), limits, r)
	require.Equal(t, storedProfiles(t, s), storedProfiles(t, again))
	s.SetLimits(Limits{})
	s.directory.catchUp(true)
	files, err = filepath.Glob(filepath.Join(path, "profiles-*"+fileSuffix))
	require.NoError(t, err)
	assert.Empty(t, files)
	assert.Empty(t, r.all())
}

// Every damage of a file of profiles is noticed; the other files are served.
func TestADamagedFileOfProfilesIsSetAside(t *testing.T) {
	path, r := t.TempDir(), &troubles{}
	s := open(t, path, diskLimits(), r)
	random := rand.New(rand.NewPCG(54, 54))
	var want []string
	for i := range 2 {
		_, err := s.AppendProfiles(richProfiles(random, 40))
		require.NoError(t, err)
		if i == 0 {
			want = storedProfiles(t, s)
		}
		require.NoError(t, s.Checkpoint())
		s.Resume(DurabilityNone, diskLimits())
	}
	left := crash(t, s, path)
	file := filepath.Join(left, fileName("profiles", 41))
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	data[len(data)-random.IntN(len(data)/2)-1] ^= 4
	require.NoError(t, os.WriteFile(file, data, 0o600))
	again := open(t, left, diskLimits(), r)
	require.FileExists(t, file+corruptSuffix)
	assert.Contains(t, r.all(), "checksum")
	assert.EqualValues(t, 1, again.Directory().CorruptFiles)
	require.Equal(t, want, storedProfiles(t, again), "those of the other file")
}
