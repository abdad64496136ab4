// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// rates reports how much each service is asked, once a minute.
func (s *shop) rates(minutes int, of map[string]float64) {
	metric := &model.Metric{Name: "requests", Unit: "1/s", Type: model.MetricGauge}
	for range minutes {
		for _, service := range slices.Sorted(maps.Keys(of)) {
			x := of[service] * (0.7 + 0.6*s.rng.Float64())
			s.e.ObservePoints([]model.Point{{
				Time: s.at, Number: model.NumberDouble, Bits: math.Float64bits(x),
				Series: &model.Series{Metric: metric, Resource: s.resource(service)},
			}})
		}
		s.at += 60 * second
		s.flush()
	}
}

// known is a shop whose calls are known, from traces, and how much is asked of it.
func known(t *testing.T) *shop {
	s := newShop(t, Config{})
	s.run(30)
	s.rates(60, map[string]float64{"front": 5, "cart": 3, "pay": 0.5, "db": 9})
	require.Empty(t, s.all)
	return s
}

func TestWhoNoLongerCallsThoseThatStandStillIsTheCause(t *testing.T) {
	s := known(t)
	s.rates(4, map[string]float64{"front": 5, "cart": 0, "pay": 0, "db": 9})
	first := s.only(t).RootCause.Factors[0]
	assert.Equal(t, "front", first.Entity.Name)
	assert.Contains(t, first.Reason, "front continues; cart and pay have stopped since ")
	assert.NotEmpty(t, first.Evidence)
}

func TestAStandstillOfOneIsNoFaultOfItsCaller(t *testing.T) {
	s := known(t)
	s.rates(10, map[string]float64{"front": 5, "cart": 3, "pay": 0, "db": 9})
	assert.Empty(t, s.all)
}

func TestNothingIsWrongWhenNobodyAsks(t *testing.T) {
	s := known(t)
	s.rates(10, map[string]float64{"front": 0, "cart": 0, "pay": 0, "db": 0})
	assert.Empty(t, s.all)
}

func TestWhatDwindlesComesToAStandstillByItself(t *testing.T) {
	s := known(t)
	for part := 0.5; part > 0.03; part /= 2 {
		s.rates(10, map[string]float64{"front": 5, "cart": 3 * part, "pay": 0.5 * part, "db": 9})
	}
	s.last, s.all = map[string]*model.SemanticGroup{}, nil
	s.rates(10, map[string]float64{"front": 5, "cart": 0, "pay": 0, "db": 9})
	assert.Empty(t, s.all)
}
