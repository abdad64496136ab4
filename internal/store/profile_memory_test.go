// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// What merges and lists hold counts against the memory of queries, and is given back.
func TestProfilesAreReadWithinTheQueryMemory(t *testing.T) {
	limits := Limits{Logs: 64 * mebibyte, Traces: 64 * mebibyte, Metrics: 64 * mebibyte, Profiles: 64 * mebibyte, QueryMemory: 64 * mebibyte}
	s := New(limits, time.Now)
	p := model.Profile{Resource: &model.Resource{}, Scope: &model.Scope{}, Type: model.ProfileType{Name: "cpu"}, Dictionary: &model.ProfileDictionary{}}
	for i := range 30_000 {
		p.Dictionary.Frames = append(p.Dictionary.Frames, model.Frame{Function: fmt.Sprint("function", i)})
		p.Dictionary.Stacks = append(p.Dictionary.Stacks, []uint32{uint32(i)})
		p.Samples = append(p.Samples, model.ProfileSample{Stack: uint32(i), Set: model.NoSet, Values: []int64{1}})
	}
	_, err := s.AppendProfiles([]model.Profile{p})
	require.NoError(t, err)
	query := model.ProfileQuery{Types: []string{"cpu"}}
	tree, err := s.MergeProfiles(t.Context(), query)
	require.NoError(t, err)
	require.EqualValues(t, 30_000, tree.Total())
	assert.Greater(t, s.QueryStats().Peak, uint64(5*mebibyte))
	assert.Zero(t, s.QueryStats().Used)

	limits.QueryMemory = mebibyte
	s.SetLimits(limits)
	_, err = s.MergeProfiles(t.Context(), query)
	var exhausted *model.ExhaustedError
	require.ErrorAs(t, err, &exhausted)
	require.ErrorContains(t, err, "store::query_memory")
	for range 2000 {
		_, err = s.AppendProfiles([]model.Profile{{Resource: &model.Resource{}, Scope: &model.Scope{}, Dictionary: &model.ProfileDictionary{}}})
		require.NoError(t, err)
	}
	_, err = s.ListProfiles(t.Context(), model.ProfileQuery{Paging: model.Paging{Limit: 1}})
	require.ErrorAs(t, err, &exhausted)
	assert.Zero(t, s.QueryStats().Used)
	assert.EqualValues(t, 2, s.QueryStats().Refused)
}

// A third merge waits for one of two, or until its caller goes away.
func TestTwoMergesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Limits{Profiles: mebibyte}, time.Now)
		s.merges <- struct{}{}
		s.merges <- struct{}{}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := s.MergeProfiles(ctx, model.ProfileQuery{})
			done <- err
		}()
		synctest.Wait()
		require.Empty(t, done)
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		<-s.merges
		_, err := s.MergeProfiles(t.Context(), model.ProfileQuery{})
		require.NoError(t, err)
	})
}
