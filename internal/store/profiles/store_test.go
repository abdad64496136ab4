// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

const mib = 1 << 20

// at is a clock that tests set.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

func newClock() *clock { return &clock{time.Unix(1_800_000_000, 0)} }

func opened(c *clock, bytes int64, maxAge time.Duration) *Store {
	s := New(7, c.read)
	s.SetLimits(bytes, maxAge)
	return s
}

// stacked is a profile with one sample for each stack, given from the root to the leaf.
func stacked(service string, at model.Nanos, kind model.ProfileType, stacks map[string][]string, values map[string]int64) model.Profile {
	p := model.Profile{
		Resource: &model.Resource{Attributes: model.Attributes{{Key: "service.name", Value: model.StringValue(service)}}},
		Scope:    &model.Scope{}, Type: kind, Time: at, Duration: time.Second, Dictionary: &model.ProfileDictionary{},
	}
	for name, stack := range stacks {
		var indices []uint32
		for i := len(stack) - 1; i >= 0; i-- {
			indices = append(indices, uint32(len(p.Dictionary.Frames)))
			p.Dictionary.Frames = append(p.Dictionary.Frames, model.Frame{Function: stack[i]})
		}
		p.Samples = append(p.Samples, model.ProfileSample{
			Stack: uint32(len(p.Dictionary.Stacks)), Set: model.NoSet, Values: []int64{values[name]},
		})
		p.Dictionary.Stacks = append(p.Dictionary.Stacks, indices)
	}
	return p
}

// free is memory without a bound.
func free(int64) error { return nil }

func cpu() model.ProfileType {
	return model.ProfileType{Name: "cpu", Unit: "nanoseconds", PeriodName: "cpu", PeriodUnit: "nanoseconds", Period: 10}
}

func merged(t *testing.T, s *Store, q model.ProfileQuery) *model.CallTree {
	t.Helper()
	if len(q.Types) == 0 {
		q.Types = []string{"cpu"}
	}
	tree, err := s.Merge(t.Context(), q, free)
	require.NoError(t, err)
	return tree
}

// paths are the costs of a tree by the path of the nodes.
func paths(t *model.CallTree) map[string]int64 {
	costs := map[string]int64{}
	names := make([]string, len(t.Nodes))
	for i := range t.Nodes {
		if i > 0 {
			names[i] = names[t.Nodes[i].Parent] + "/" + t.Frames[t.Nodes[i].Frame].Function
		}
		if t.Nodes[i].Self != 0 {
			costs[names[i]] += t.Nodes[i].Self
		}
	}
	return costs
}

func TestMergeAddsUp(t *testing.T) {
	s := opened(newClock(), 8*mib, 0)
	stacks := map[string][]string{"a": {"main", "work", "leaf"}, "b": {"main", "work"}, "c": {"main", "rest"}}
	for i := range 3 {
		s.Append([]model.Profile{
			stacked("shop", model.Nanos(100+i), cpu(), stacks, map[string]int64{"a": 10, "b": 20, "c": 30}),
			stacked("cart", model.Nanos(100+i), cpu(), stacks, map[string]int64{"a": 1, "b": 2, "c": 3}),
		})
	}
	tree := merged(t, s, model.ProfileQuery{Filter: model.Filter{Services: []string{"shop"}}})
	assert.Equal(t, map[string]int64{"/main/work/leaf": 30, "/main/work": 60, "/main/rest": 90}, paths(tree))
	assert.EqualValues(t, 180, tree.Total())
	assert.EqualValues(t, 3, tree.Profiles)
	assert.EqualValues(t, 9, tree.Samples)
	assert.Equal(t, 3*time.Second, tree.Duration)
	all := merged(t, s, model.ProfileQuery{})
	assert.EqualValues(t, 198, all.Total())
	part := merged(t, s, model.ProfileQuery{Filter: model.Filter{Time: model.TimeRange{Start: 101, End: 102}}})
	assert.EqualValues(t, 66, part.Total())
	assert.Empty(t, merged(t, s, model.ProfileQuery{Types: []string{"heap"}}).Nodes)
}

func TestSamplesKeepTimeLabelsAndLinks(t *testing.T) {
	s := opened(newClock(), 8*mib, 0)
	p := stacked("shop", 1000, cpu(), map[string][]string{"a": {"main"}}, nil)
	p.Dictionary.Sets = []model.Attributes{{{Key: "thread.name", Value: model.StringValue("worker")}}}
	trace, span := model.TraceID{1}, model.SpanID{2}
	p.Samples = []model.ProfileSample{
		{Set: 0, Values: []int64{10, 10, 10}, Times: []model.Nanos{1000, 1300, 900}},
		{Set: model.NoSet, TraceID: trace, SpanID: span, Values: []int64{7, -3}, Times: []model.Nanos{1100, 1200}},
	}
	s.Append([]model.Profile{p})
	within := func(start, end model.Nanos) model.ProfileQuery {
		return model.ProfileQuery{Filter: model.Filter{Time: model.TimeRange{Start: start, End: end}}}
	}
	assert.EqualValues(t, 34, merged(t, s, within(0, 0)).Total())
	assert.EqualValues(t, 10, merged(t, s, within(0, 1000)).Total())
	assert.EqualValues(t, 17, merged(t, s, within(1000, 1200)).Total())
	selector, err := model.NewSelector("thread.name", "=", []string{"worker"})
	require.NoError(t, err)
	assert.EqualValues(t, 30, merged(t, s, model.ProfileQuery{Filter: model.Filter{Selectors: []model.Selector{selector}}}).Total())
	assert.EqualValues(t, 4, merged(t, s, model.ProfileQuery{TraceID: trace}).Total())
	assert.EqualValues(t, 4, merged(t, s, model.ProfileQuery{SpanID: span}).Total())
	assert.Empty(t, merged(t, s, model.ProfileQuery{SpanID: model.SpanID{9}}).Nodes)
}

func TestNewestOfInstantProfilesCounts(t *testing.T) {
	s := opened(newClock(), 8*mib, 0)
	heap := model.ProfileType{Name: "inuse_space", Unit: "bytes"}
	stacks := map[string][]string{"a": {"alloc"}}
	for i, value := range []int64{100, 300, 200} {
		s.Append([]model.Profile{stacked("shop", model.Nanos(10+i), heap, stacks, map[string]int64{"a": value})})
	}
	s.Append([]model.Profile{stacked("cart", 5, heap, stacks, map[string]int64{"a": 50})})
	q := model.ProfileQuery{Types: []string{"inuse_space"}}
	assert.EqualValues(t, 250, merged(t, s, q).Total(), "the newest of each service")
	q.Filter.Time.End = 12
	assert.EqualValues(t, 350, merged(t, s, q).Total())
}

func TestUnitsMustAgree(t *testing.T) {
	s := opened(newClock(), 8*mib, 0)
	other := cpu()
	other.Unit = "milliseconds"
	for _, kind := range []model.ProfileType{cpu(), other} {
		s.Append([]model.Profile{stacked("shop", 1, kind, map[string][]string{"a": {"main"}}, map[string]int64{"a": 10})})
	}
	_, err := s.Merge(t.Context(), model.ProfileQuery{Types: []string{"cpu"}}, free)
	var fault *model.FieldError
	require.ErrorAs(t, err, &fault)
	assert.Equal(t, "filter", fault.Field)
}

func TestListPages(t *testing.T) {
	s := opened(newClock(), 8*mib, 0)
	for i := range 25 {
		s.Append([]model.Profile{stacked("shop", model.Nanos(1+i%5), cpu(), map[string][]string{"a": {"main"}}, map[string]int64{"a": int64(i)})})
	}
	for _, ascending := range []bool{false, true} {
		q := model.ProfileQuery{Paging: model.Paging{Limit: 7, Ascending: ascending}}
		var got []model.ProfileInfo
		for {
			page, err := s.List(t.Context(), q, free)
			require.NoError(t, err)
			got = append(got, page.Rows...)
			s.Append([]model.Profile{stacked("late", 3, cpu(), nil, nil)}) // on no page
			if page.Next.IsZero() {
				break
			}
			q.Paging.After = page.Next
		}
		seen := map[model.ProfileID]bool{}
		for i := range got {
			seen[got[i].ID] = true
			if i > 0 {
				assert.True(t, ascending == (got[i-1].Time < got[i].Time) || got[i-1].Time == got[i].Time)
			}
		}
		assert.Len(t, seen, len(got), "none twice")
		want := 25
		if ascending {
			want = len(got)
		}
		assert.Len(t, got, want)
	}
	q := model.ProfileQuery{Paging: model.Paging{Limit: 7, After: model.Cursor{Epoch: 8, Seq: 1}}}
	_, err := s.List(t.Context(), q, free)
	assert.ErrorContains(t, err, "page_token")
}

// Whatever is written, the store keeps to its bound, and all that is not held is counted.
func TestBounds(t *testing.T) {
	c := newClock()
	const bound = 2 * mib
	s := opened(c, bound, time.Hour)
	random := rand.New(rand.NewPCG(1, 2))
	var sent uint64
	for i := range 800 {
		stacks, values := map[string][]string{}, map[string]int64{}
		for j := range 50 {
			name := fmt.Sprint(j)
			for range 1 + random.IntN(20) {
				stacks[name] = append(stacks[name], fmt.Sprintf("some.package/function%d", random.IntN(5000)))
			}
			values[name] = int64(random.IntN(1000))
		}
		s.Append([]model.Profile{stacked("shop", model.Nanos(c.now.UnixNano()), cpu(), stacks, values)})
		sent += 50
		stats := s.Stats()
		require.LessOrEqual(t, stats.Bytes, uint64(bound+bound/volumeShare), "after %d", i)
		require.Equal(t, sent, stats.Samples+stats.Evicted["size"]+stats.Evicted["age"])
		c.now = c.now.Add(time.Second)
	}
	require.NotZero(t, s.Stats().Evicted["size"])
	c.now = c.now.Add(2 * time.Hour)
	s.Retire()
	stats := s.Stats()
	assert.Zero(t, stats.Samples)
	assert.Zero(t, stats.Bytes)
	assert.NotZero(t, stats.Evicted["age"])
	assert.Empty(t, merged(t, s, model.ProfileQuery{}).Nodes)
}

// A profile that is larger than a volume is stored in parts, and is one in answers.
func TestLargeProfileIsOne(t *testing.T) {
	s := opened(newClock(), 16*mib, 0)
	p := stacked("shop", 1, cpu(), map[string][]string{"x": {"main"}}, map[string]int64{"x": 1})
	for i := range 120_000 {
		p.Dictionary.Frames = append(p.Dictionary.Frames, model.Frame{Function: fmt.Sprintf("function%d", i), File: "file.go"})
		p.Dictionary.Stacks = append(p.Dictionary.Stacks, []uint32{uint32(len(p.Dictionary.Frames) - 1), 0})
		p.Samples = append(p.Samples, model.ProfileSample{Stack: uint32(len(p.Dictionary.Stacks) - 1), Set: model.NoSet, Values: []int64{1}})
	}
	require.Zero(t, s.Append([]model.Profile{p}))
	require.Greater(t, len(s.volumes), 1)
	page, err := s.List(t.Context(), model.ProfileQuery{Paging: model.Paging{Limit: 10}}, free)
	require.NoError(t, err)
	require.Len(t, page.Rows, 1)
	assert.EqualValues(t, 120_001, page.Rows[0].Samples)
	tree := merged(t, s, model.ProfileQuery{})
	assert.EqualValues(t, 120_001, tree.Total())
	assert.EqualValues(t, 1, tree.Profiles)
	assert.Equal(t, time.Second, tree.Duration)
}

func TestTooLargeIsRefused(t *testing.T) {
	s := opened(newClock(), 8*mib, 0)
	huge := model.Attributes{{Key: "k", Value: model.StringValue(string(make([]byte, maxAttributeBytes)))}}
	p := stacked("shop", 1, cpu(), map[string][]string{"a": {"main"}}, map[string]int64{"a": 1})
	p.Dictionary.Sets = []model.Attributes{huge}
	p.Samples = append(p.Samples, model.ProfileSample{Set: 0, Values: []int64{1, 1}})
	assert.Equal(t, 2, s.Append([]model.Profile{p}), "the sample")
	p = stacked("shop", 1, cpu(), map[string][]string{"a": {"main"}}, map[string]int64{"a": 1})
	p.Resource.Attributes = huge
	assert.Equal(t, 1, s.Append([]model.Profile{p}), "the profile")
	stats := s.Stats()
	assert.EqualValues(t, 3, stats.Refused[model.ProfileTooLarge])
	assert.EqualValues(t, 1, stats.Samples)
}

// Readers see a profile whole while others are written and volumes evicted.
func TestReadersDoNotDisturbWriters(t *testing.T) {
	s := opened(newClock(), mib, 0)
	var work sync.WaitGroup
	for w := range 2 {
		work.Go(func() {
			for i := range 300 {
				stacks := map[string][]string{"a": {"main", fmt.Sprint(w, i)}, "b": {"main", fmt.Sprint("b", i)}}
				s.Append([]model.Profile{stacked("shop", 1, cpu(), stacks, map[string]int64{"a": 10, "b": 20})})
			}
		})
	}
	for range 2 {
		work.Go(func() {
			for range 50 {
				tree, err := s.Merge(t.Context(), model.ProfileQuery{Types: []string{"cpu"}}, free)
				if assert.NoError(t, err) {
					assert.EqualValues(t, 30*tree.Profiles, tree.Total())
				}
			}
		})
	}
	work.Wait()
}
