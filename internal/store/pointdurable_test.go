// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// Restarts, with series that come and go between, find every point with its
// series, and take the same memory for them.
func TestPointsSurviveRestarts(t *testing.T) {
	path, r := t.TempDir(), &troubles{}
	limits := Limits{Logs: mebibyte, Traces: mebibyte, Metrics: 8 * mebibyte}
	s := open(t, path, limits, r)
	for n := range uint64(6) {
		random := rand.New(rand.NewPCG(n/2, 8)) // each series in two of the files
		s.AppendPoints(richPoints(random, 500+int(n)*300))
		want, stats := storedPoints(s), s.Stats()[2]
		s = reopen(t, s, path, limits, r)
		got, now := storedPoints(s), s.Stats()[2]
		require.Len(t, got, len(want))
		for i := range want {
			requireEqualPoints(t, &want[i], &got[i])
		}
		assert.Equal(t, stats.Series, now.Series)
		assert.Equal(t, stats.Labels, now.Labels)
		assert.Equal(t, stats.LastSeq, now.LastSeq)
	}
	q := model.PointQuery{Names: []string{"metric.1"}, Paging: model.Paging{Limit: 10_000}}
	page, err := s.QueryPoints(t.Context(), q)
	require.NoError(t, err)
	require.NotEmpty(t, page.Rows)
	rows, loss, _ := s.TailPoints(model.PointQuery{}, model.Start{Resume: true, After: 100}).Poll(10)
	assert.EqualValues(t, 101, rows[0].Seq)
	assert.Zero(t, loss)
	s.SetLimits(Limits{})
	assert.Zero(t, s.Stats()[2].Bytes, "all is given back, the series too")
	assert.Empty(t, r.all())
}

func TestABrokenFileOfPointsIsSetAside(t *testing.T) {
	path, r := t.TempDir(), &troubles{}
	s := open(t, path, diskLimits(), r)
	for n := range uint64(3) {
		s.AppendPoints(richPoints(rand.New(rand.NewPCG(n, 9)), 200))
		require.NoError(t, s.Checkpoint())
		s.Resume(DurabilityNone, diskLimits())
	}
	copied := crash(t, s, path)
	broken := filepath.Join(copied, fileName("metrics", 201))
	data, err := os.ReadFile(broken)
	require.NoError(t, err)
	data[len(data)-10] ^= 1
	require.NoError(t, os.WriteFile(broken, data, 0o600))

	again := open(t, copied, diskLimits(), r)
	assert.EqualValues(t, 400, again.Stats()[2].Rows)
	assert.Contains(t, r.all(), broken+corruptSuffix)
	rows, loss, _ := again.TailPoints(model.PointQuery{}, model.Start{Resume: true, After: 200}).Poll(500)
	assert.Empty(t, rows)
	assert.Equal(t, model.Loss{Count: 200, First: 201, Last: 400}, loss)
	rows, loss, _ = again.TailPoints(model.PointQuery{}, model.Start{Last: 1000}).Poll(500)
	assert.Zero(t, loss)
	assert.Equal(t, 400, len(rows), "who begins now misses nothing")
}
