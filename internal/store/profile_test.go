// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// What profiles hold is missing from the other signals, and only that.
func TestProfilesTakeTheirMemoryFromTheOthers(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	limits := Limits{Logs: 40 << 20, Traces: 40 << 20, Metrics: 20 << 20, Profiles: 8 << 20, MaxAge: time.Hour}
	s := New(limits, func() time.Time { return now })
	capacities := func() (others, profiles int64) {
		for _, stats := range s.Stats() {
			if stats.Signal == "profiles" {
				profiles = int64(stats.Bytes)
				continue
			}
			others += int64(stats.Capacity)
		}
		return others, profiles
	}
	others, _ := capacities()
	require.EqualValues(t, 100<<20, others)
	resource, scope := &model.Resource{}, &model.Scope{}
	for i := range 100_000 {
		_, err := s.AppendProfiles([]model.Profile{{
			Resource: resource, Scope: scope, Time: model.Nanos(now.UnixNano()), Type: model.ProfileType{Name: "cpu"},
			Dictionary: &model.ProfileDictionary{Frames: []model.Frame{{Function: fmt.Sprintf("some.package/function%d", i)}}, Stacks: [][]uint32{{0}}},
			Samples:    []model.ProfileSample{{Set: model.NoSet, Values: []int64{1}}},
		}})
		require.NoError(t, err)
		if i%1000 == 0 {
			others, profiles := capacities()
			require.LessOrEqual(t, others+profiles, int64(100<<20+3), "after %d", i)
		}
	}
	others, profiles := capacities()
	assert.Greater(t, profiles, int64(4<<20))
	assert.Less(t, others, int64(96<<20))
	now = now.Add(2 * time.Hour)
	s.Retire()
	others, profiles = capacities()
	assert.Zero(t, profiles)
	assert.EqualValues(t, 100<<20, others, "given back")
}
