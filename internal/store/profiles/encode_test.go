// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// filled is a store with profiles of a host in one volume.
func filled(c *clock, n int) *Store {
	random := rand.New(rand.NewPCG(3, 4))
	s := opened(c, 32*mib, 0)
	d := hostDictionary(random)
	for range n {
		c.now = c.now.Add(5 * time.Second)
		p := hostProfile(random, d, model.Nanos(c.now.UnixNano()))
		p.Samples[3].TraceID, p.Samples[3].SpanID = model.TraceID{1}, model.SpanID{2}
		s.Append([]model.Profile{p})
	}
	return s
}

func all(t *testing.T, s *Store) (list []model.ProfileInfo, tree *model.CallTree) {
	t.Helper()
	page, err := s.List(t.Context(), model.ProfileQuery{Paging: model.Paging{Limit: 1 << 20}}, free)
	require.NoError(t, err)
	return page.Rows, merged(t, s, model.ProfileQuery{})
}

func TestVolumesAreRestored(t *testing.T) {
	c := newClock()
	s := filled(c, 20)
	image := s.Pending(s.Newest())
	require.NotNil(t, image)
	require.True(t, s.Written(image.First, image.Count))
	require.Nil(t, s.Pending(s.Newest()))
	upTo, unfiled := s.Filed()
	assert.Equal(t, s.Newest(), upTo)
	assert.Zero(t, unfiled)

	again := opened(c, 32*mib, 0)
	room, err := again.Restore(image)
	require.NoError(t, err)
	require.True(t, room)
	wantList, wantTree := all(t, s)
	list, tree := all(t, again)
	assert.Equal(t, wantList, list)
	assert.Equal(t, wantTree, tree)
	s.Compact()
	assert.InEpsilon(t, float64(s.Used()), float64(again.Used()), 0.1, "what is restored takes what it took")

	s.Append([]model.Profile{stacked("late", 1, cpu(), map[string][]string{"a": {"main"}}, map[string]int64{"a": 1})})
	again.GoOn(s.Newest() - 1)
	again.Append([]model.Profile{stacked("late", 1, cpu(), map[string][]string{"a": {"main"}}, map[string]int64{"a": 1})})
	assert.Equal(t, s.Newest(), again.Newest())
	room, err = again.Restore(image)
	require.ErrorContains(t, err, "which another file holds in part")
	assert.False(t, room)

	small := opened(c, 64<<10, 0)
	room, err = small.Restore(image)
	require.NoError(t, err)
	assert.False(t, room, "there is no room")
}

func TestBatchesAreDecoded(t *testing.T) {
	c := newClock()
	s, again := opened(c, 8*mib, 0), opened(c, 8*mib, 0)
	random := rand.New(rand.NewPCG(5, 6))
	d := hostDictionary(random)
	var list []model.Profile
	for i := range 12 {
		list = append(list, hostProfile(random, d, model.Nanos(1e18+i)))
	}
	list = append(list, stacked("none", 5, cpu(), nil, nil))
	batches, refused := s.Prepare(list)
	require.Zero(t, refused)
	require.Greater(t, len(batches), 1)
	for i := range batches {
		require.Less(t, batches[i].parts[0].back, uint64(1), "a profile is in one batch")
		decoded, err := DecodeBatch(string(batches[i].Encode(nil)), uint32(batches[i].Len()))
		require.NoError(t, err)
		s.AppendBatch(0, &batches[i], c.now)
		again.AppendBatch(0, &decoded, c.now)
	}
	wantList, wantTree := all(t, s)
	gotList, gotTree := all(t, again)
	assert.Equal(t, wantList, gotList)
	assert.Equal(t, wantTree, gotTree)
}

// smallProfile has everything that a profile may have.
func smallProfile() model.Profile {
	p := stacked("shop", 1000, cpu(), map[string][]string{"a": {"main", "work"}}, map[string]int64{"a": 10})
	p.Dictionary.Sets = []model.Attributes{{{Key: "thread.name", Value: model.StringValue("worker")}}}
	p.Samples = append(p.Samples, model.ProfileSample{
		Set: 0, TraceID: model.TraceID{1}, SpanID: model.SpanID{2}, Values: []int64{10, 20}, Times: []model.Nanos{1000, 1300},
	})
	return p
}

// Bytes that no store wrote are refused, or are a volume that readers can read.
func FuzzDecodeVolume(f *testing.F) {
	s := opened(newClock(), 32*mib, 0)
	s.Append([]model.Profile{smallProfile()})
	image := s.Pending(1)
	f.Add(image.Dictionary, image.Rows, image.Count)
	f.Add([]byte{volumeFormat, 0, 0, 0, 0, 0, 0}, []byte{}, 0)
	f.Fuzz(func(t *testing.T, dictionary, rows []byte, count int) {
		s := opened(newClock(), 32*mib, 0)
		room, err := s.Restore(&Image{First: 1, Count: min(max(count, 0), 1000), Dictionary: dictionary, Rows: rows})
		if err != nil || !room {
			return
		}
		if _, err := s.List(t.Context(), model.ProfileQuery{Paging: model.Paging{Limit: 10}}, free); err != nil {
			t.Fatal(err)
		}
		_, _ = s.Merge(t.Context(), model.ProfileQuery{SpanID: model.SpanID{1}}, free)
		_, _ = s.Merge(t.Context(), model.ProfileQuery{}, free)
	})
}

func FuzzDecodeBatch(f *testing.F) {
	s := opened(newClock(), 32*mib, 0)
	batches, _ := s.Prepare([]model.Profile{smallProfile()})
	f.Add(string(batches[0].Encode(nil)), uint32(batches[0].Len()))
	f.Fuzz(func(t *testing.T, data string, count uint32) {
		s := opened(newClock(), 32*mib, 0)
		b, err := DecodeBatch(data, count)
		if err != nil {
			return
		}
		s.AppendBatch(1, &b, time.Unix(1, 0))
		if _, err := s.List(t.Context(), model.ProfileQuery{Paging: model.Paging{Limit: 10}}, free); err != nil {
			t.Fatal(err)
		}
		_, _ = s.Merge(t.Context(), model.ProfileQuery{}, free)
	})
}
