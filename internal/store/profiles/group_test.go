// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

func groupsOf(t *testing.T, s *Store, q model.ProfileGroupQuery) model.ProfileGroups {
	t.Helper()
	if len(q.Types) == 0 {
		q.Types = []string{"cpu"}
	}
	groups, err := s.Group(t.Context(), q, free)
	require.NoError(t, err)
	return groups
}

// threaded has two threads, a sample without one, and two traces.
func threaded() model.Profile {
	p := stacked("shop", 1000, cpu(), map[string][]string{"a": {"main", "hash"}}, nil)
	p.Dictionary.Frames = append(p.Dictionary.Frames, model.Frame{Function: "parse"})
	p.Dictionary.Stacks = append(p.Dictionary.Stacks, []uint32{uint32(len(p.Dictionary.Frames) - 1)})
	for _, name := range []string{"worker-1", "worker-2"} {
		p.Dictionary.Sets = append(p.Dictionary.Sets, model.Attributes{{Key: "thread.name", Value: model.StringValue(name)}})
	}
	p.Samples = []model.ProfileSample{
		{Stack: 0, Set: 0, TraceID: model.TraceID{1}, SpanID: model.SpanID{1}, Values: []int64{10, 20}},
		{Stack: 1, Set: 0, TraceID: model.TraceID{2}, SpanID: model.SpanID{2}, Values: []int64{50}},
		{Stack: 0, Set: 1, TraceID: model.TraceID{2}, SpanID: model.SpanID{3}, Values: []int64{5}},
		{Stack: 1, Set: model.NoSet, Values: []int64{1}},
	}
	return p
}

func TestGroupsByLabel(t *testing.T) {
	s := opened(newClock(), 8*mib, 0)
	s.Append([]model.Profile{threaded()})
	s.closeOpen() // groups and functions of several volumes are added up
	s.Append([]model.Profile{threaded()})
	require.Len(t, s.volumes, 2)
	got := groupsOf(t, s, model.ProfileGroupQuery{By: model.NewLabelKey("thread.name")})
	assert.EqualValues(t, 172, got.Total)
	assert.Equal(t, []model.ProfileGroup{
		{Value: "worker-1", Total: 160, Samples: 6, TopFunction: "parse", TopSelf: 100},
		{Value: "worker-2", Total: 10, Samples: 2, TopFunction: "hash", TopSelf: 10},
		{NoValue: true, Total: 2, Samples: 2, TopFunction: "parse", TopSelf: 2},
	}, got.Groups)
	got = groupsOf(t, s, model.ProfileGroupQuery{By: model.NewLabelKey("service"), Function: "main"})
	assert.Equal(t, []model.ProfileGroup{{Value: "shop", Total: 70, Samples: 6, TopFunction: "hash", TopSelf: 70}}, got.Groups)
}

func TestGroupsByTrace(t *testing.T) {
	s := opened(newClock(), 8*mib, 0)
	s.Append([]model.Profile{threaded()})
	assert.Equal(t, []model.ProfileGroup{
		{TraceID: model.TraceID{2}, Total: 55, Samples: 2, TopFunction: "parse", TopSelf: 50},
		{TraceID: model.TraceID{1}, Total: 30, Samples: 2, TopFunction: "hash", TopSelf: 30},
	}, groupsOf(t, s, model.ProfileGroupQuery{}).Groups)
	got := groupsOf(t, s, model.ProfileGroupQuery{Function: "hash"})
	assert.Equal(t, model.TraceID{1}, got.Groups[0].TraceID, "of the function")
	q := model.ProfileQuery{TraceIDs: []model.TraceID{{1}, {9}}}
	assert.EqualValues(t, 30, merged(t, s, q).Total(), "the samples of a set of traces")
}

// Of states at a moment the newest counts in groups, too, and memory is taken for groups.
func TestGroupsKeepTheRulesOfSums(t *testing.T) {
	s := opened(newClock(), 8*mib, 0)
	heap := model.ProfileType{Name: "inuse_space", Unit: "bytes"}
	for i, value := range []int64{100, 300} {
		s.Append([]model.Profile{stacked("shop", model.Nanos(10+i), heap, map[string][]string{"a": {"alloc"}}, map[string]int64{"a": value})})
	}
	q := model.ProfileGroupQuery{By: model.NewLabelKey("service"), ProfileQuery: model.ProfileQuery{Types: []string{"inuse_space"}}}
	assert.EqualValues(t, 300, groupsOf(t, s, q).Total)
	refused := errors.New("no memory")
	_, err := s.Group(t.Context(), q, func(int64) error { return refused })
	assert.ErrorIs(t, err, refused)
}
