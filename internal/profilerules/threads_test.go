// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/profiles"
)

// ofThreads is a store with a minute of a program whose threads were on a CPU for so many
// of 1,200 samples.
func ofThreads(t *testing.T, samples ...int64) *stored {
	t.Helper()
	const period = int64(time.Second / 20)
	p := model.Profile{
		Resource: &model.Resource{}, Scope: &model.Scope{}, Time: 100, Duration: time.Minute,
		Type:       model.ProfileType{Name: "cpu", Unit: "nanoseconds", PeriodName: "cpu", PeriodUnit: "nanoseconds", Period: period},
		Dictionary: &model.ProfileDictionary{Frames: []model.Frame{{Function: "serve"}}, Stacks: [][]uint32{{0}}},
	}
	for i, n := range samples {
		p.Dictionary.Sets = append(p.Dictionary.Sets, model.Attributes{{Key: "thread.id", Value: model.IntValue(int64(40 + i))}})
		p.Samples = append(p.Samples, model.ProfileSample{Set: uint32(i), Values: []int64{n * period}})
	}
	s := profiles.New(1, time.Now)
	s.SetLimits(8<<20, 0)
	require.Zero(t, s.Append([]model.Profile{p}))
	return &stored{s}
}

// One thread that is busy while its siblings idle is found; threads that share the work are not,
// nor is one that waits.
func TestOneThreadThatLimitsAProgram(t *testing.T) {
	for name, test := range map[string]struct {
		samples []int64
		found   bool
	}{
		"one of four":     {[]int64{1180, 20, 10, 30}, true},
		"alone":           {[]int64{1190}, true},
		"two share":       {[]int64{1150, 1140}, false},
		"it waits":        {[]int64{700, 10}, false},
		"siblings are at": {[]int64{1180, 200, 200}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := ofThreads(t, test.samples...)
			query := model.ProfileQuery{Types: []string{"cpu"}}
			tree, err := s.MergeProfiles(t.Context(), query)
			require.NoError(t, err)
			advice, err := Advise(t.Context(), s, tree, query, 0, 0)
			require.NoError(t, err)
			if !test.found {
				assert.Empty(t, advice.Bottlenecks)
				return
			}
			require.Len(t, advice.Bottlenecks, 1)
			b := advice.Bottlenecks[0]
			assert.Equal(t, "busy-thread", b.Rule.ID)
			assert.InDelta(t, float64(test.samples[0])/1200, b.Share, 1e-9)
			assert.Equal(t, "serve", b.Functions[0].Name)
			assert.InDelta(t, b.Share, b.Functions[0].Share, 1e-9, strconv.Itoa(int(b.Value)))
		})
	}
}

// stored reads a store without a bound of memory.
type stored struct{ *profiles.Store }

func (s *stored) MergeProfiles(ctx context.Context, q model.ProfileQuery) (*model.CallTree, error) {
	return s.Merge(ctx, q, func(int64) error { return nil })
}

func (s *stored) GroupProfiles(ctx context.Context, q model.ProfileGroupQuery) (model.ProfileGroups, error) {
	return s.Group(ctx, q, func(int64) error { return nil })
}
