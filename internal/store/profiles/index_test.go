// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// An index finds what a map would find.
func TestIndexFindsWhatAMapFinds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	x, known := newIndex[string](), map[string]uint32{}
	var list []string
	for range 20_000 {
		key := fmt.Sprint(random.IntN(5000))
		place := internIn(&x, &list, key)
		if before, found := known[key]; found {
			require.Equal(t, before, place)
		}
		known[key] = place
		require.Equal(t, key, list[place])
	}
	assert.Len(t, list, len(known))
	assert.LessOrEqual(t, x.size(), int64(4*len(list)))
	_, found := x.find("5000", slice[string]{&list})
	assert.False(t, found)
}

// processes are profiles of many processes of one host, of two types each.
func processes(n int) (list []model.Profile) {
	for i := range n {
		resource := &model.Resource{SchemaURL: "https://opentelemetry.io/schemas/1.39.0"}
		for j := range 20 {
			resource.Attributes = append(resource.Attributes, model.KeyValue{Key: fmt.Sprint("an.attribute.of.the.host.", j), Value: model.StringValue("the value that all of them have")})
		}
		resource.Attributes = append(resource.Attributes, model.KeyValue{Key: "process.pid", Value: model.IntValue(int64(i))})
		for _, kind := range []string{"cpu", "off_cpu"} {
			p := stacked("", model.Nanos(100+i), cpu(), map[string][]string{"a": {"main"}}, map[string]int64{"a": 10})
			p.Resource, p.Type.Name = resource, kind
			list = append(list, p)
		}
	}
	return list
}

// What the processes of a host have in common takes memory once, and comes back as it was.
func TestAttributesOfManyProcessesAreKeptOnce(t *testing.T) {
	s := opened(newClock(), 8*mib, 0)
	list := processes(500)
	s.Append(list)
	size := list[0].Resource.Attributes.Size()
	require.Greater(t, size, 1000)
	assert.Less(t, int(s.Stats().Bytes), len(list)*size/3)

	page, err := s.List(t.Context(), model.ProfileQuery{Paging: model.Paging{Limit: len(list), Ascending: true}}, free)
	require.NoError(t, err)
	require.Len(t, page.Rows, len(list))
	for i := range page.Rows {
		assert.Equal(t, list[i].Resource, page.Rows[i].Resource)
		assert.Equal(t, list[i].Type, page.Rows[i].Type)
	}
	assert.EqualValues(t, len(list), s.Stats().Series)
	back := restored(t, s)
	assert.Equal(t, s.Stats().Series, back.Stats().Series)
}

// restored is a store that read what the other one wrote.
func restored(t *testing.T, s *Store) *Store {
	t.Helper()
	image := s.Pending(s.Newest())
	require.NotNil(t, image)
	back := New(1, time.Now)
	back.SetLimits(8*mib, 0)
	room, err := back.Restore(image)
	require.NoError(t, err)
	require.True(t, room)
	return back
}
