// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// weighs lets a victim see slots of so many requests, of which so many are affected.
func (v *victim) weighs(slots, n, hit int) {
	for range slots {
		v.upto++
		at := outcome{n: float32(n), failed: float32(hit), scaled: float32(n)}
		v.pending.add(at)
		v.weigh(at, v.upto)
	}
}

func TestWhatOneOfFourReplicasStillDoesIsNoRecovery(t *testing.T) {
	v := &victim{norms: norms{failed: leastFailed, slow: slowShare}}
	v.weighs(12, 20, 20)
	for range 24 {
		v.weighs(1, 20, 5)
		require.False(t, v.recovered)
	}
	v.weighs(6, 20, 0)
	assert.True(t, v.recovered)
	assert.EqualValues(t, 36, v.wellSince, "the last slot with an affected request")
	assert.EqualValues(t, 36*20, v.total.n, "requests after the last affected one do not count")
}

func TestASmallShareOfRequestsRecoversInTime(t *testing.T) {
	v := &victim{norms: norms{failed: leastFailed, slow: slowShare}}
	v.weighs(24, 20, 2)
	require.False(t, v.recovered)
	v.weighs(16, 20, 0)
	assert.True(t, v.recovered, "within 80 s")
	failed, _ := v.excess()
	assert.InDelta(t, 0.1, failed/float64(v.total.n), 0.02)
}

func TestFiguresAreFinalWhenAnIncidentEnds(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	s.own["cart"] = 300
	s.run(60)
	ended := s.at
	delete(s.own, "cart")
	s.run(100)
	g := s.only(t)
	require.Equal(t, model.GroupResolved, g.State)
	assert.Equal(t, model.GroupIncident, g.Kind)
	assert.WithinRange(t, timeAt(g.Range.End), timeAt(ended-5*second), timeAt(ended+10*second))
	assert.Greater(t, g.Impact.AffectedRequestRatio, 0.8)
	assert.InDelta(t, 240, g.Impact.SlowRequests, 30)
	assert.Zero(t, g.Impact.ErrorRatio)
	assert.Contains(t, g.Title, "Resolved after 1 min")
	s.run(300)
	assert.Equal(t, g, s.only(t), "nothing more is reported of it")
}

func TestAnIncidentThatComesBackIsReopened(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	s.fails["cart"] = true
	s.run(60)
	s.fails["cart"] = false
	s.run(300)
	first := s.only(t)
	require.Equal(t, model.GroupResolved, first.State)
	s.fails["cart"] = true
	s.run(60)
	again := s.only(t)
	assert.Equal(t, first.ID, again.ID)
	assert.Equal(t, model.GroupReopened, again.State)
	assert.Contains(t, s.textFor(t, model.AudienceSRE), "State: reopened")
}

func TestTheLikeIsRemembered(t *testing.T) {
	s := newShop(t, Config{})
	s.run(300)
	for range 2 {
		s.own["cart"] = 300
		s.run(60)
		delete(s.own, "cart")
		s.run(900)
	}
	require.Len(t, s.last, 2)
	var newest *model.SemanticGroup
	for _, g := range s.last {
		if newest == nil || g.Range.Start > newest.Range.Start {
			newest = g
		}
	}
	assert.EqualValues(t, 1, newest.SimilarCount)
	require.Len(t, newest.Similar, 1)
	assert.NotEqual(t, newest.ID, newest.Similar[0].GroupID)
}

func timeAt(t model.Nanos) time.Time { return time.Unix(0, int64(t)) }
