// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"math"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// Sums that do not fit 64 bits are refused instead of being wrong.
func TestSumsBeyondTheRangeAreRefused(t *testing.T) {
	s := opened(newClock(), 8*mib, 0)
	p := stacked("shop", 100, cpu(), map[string][]string{"a": {"main"}}, map[string]int64{"a": math.MaxInt64})
	p.Duration = math.MaxInt64
	for range 2 {
		s.Append([]model.Profile{p})
	}
	_, err := s.Merge(t.Context(), model.ProfileQuery{Types: []string{"cpu"}}, free)
	var exhausted *model.ExhaustedError
	require.ErrorAs(t, err, &exhausted)
	require.ErrorContains(t, err, "samples of cpu add up to more than")

	p.Samples[0].Values = []int64{math.MaxInt64, math.MaxInt64, 3}
	p.Resource = &model.Resource{}
	s.Append([]model.Profile{p})
	page, err := s.List(t.Context(), model.ProfileQuery{Paging: model.Paging{Limit: 10}}, free)
	require.NoError(t, err)
	assert.EqualValues(t, math.MaxInt64, page.Rows[0].Total)
	assert.EqualValues(t, math.MinInt64, plus(math.MinInt64, -1))
}

func TestDurationsDoNotOverflow(t *testing.T) {
	s := opened(newClock(), 8*mib, 0)
	p := stacked("shop", 100, cpu(), map[string][]string{"a": {"main"}}, map[string]int64{"a": 10})
	p.Duration = math.MaxInt64
	s.Append([]model.Profile{p, p})
	assert.Equal(t, time.Duration(math.MaxInt64), merged(t, s, model.ProfileQuery{}).Duration)
}

// Of a profile whose samples have times, the time counts in which samples are selected.
func TestDurationIsThatWithinTheRange(t *testing.T) {
	s := opened(newClock(), 8*mib, 0)
	p := stacked("shop", 1000, cpu(), map[string][]string{"a": {"main"}}, nil)
	p.Duration = 60
	p.Samples[0].Values, p.Samples[0].Times = []int64{10, 10, 10}, []model.Nanos{1000, 1015, 1055}
	s.Append([]model.Profile{p})
	for want, within := range map[time.Duration]model.TimeRange{60: {}, 10: {Start: 1010, End: 1020}, 40: {Start: 1020}, 16: {End: 1016}} {
		assert.Equal(t, want, merged(t, s, model.ProfileQuery{Filter: model.Filter{Time: within}}).Duration)
	}
}

// A name that is a part of a larger text does not keep that in memory.
func TestStoredNamesAreCopies(t *testing.T) {
	line := strings.Repeat("main;work;", 1000)
	p := stacked("shop", 1, cpu(), map[string][]string{"a": {line[:4]}}, map[string]int64{"a": 1})
	s := opened(newClock(), 8*mib, 0)
	s.Append([]model.Profile{p})
	stored := merged(t, s, model.ProfileQuery{}).Frames[0].Function
	assert.Equal(t, "main", stored)
	assert.NotSame(t, unsafe.StringData(line), unsafe.StringData(stored))
}
