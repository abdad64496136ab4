// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// daily is a gauge that is five times as high in one hour of each day, by minutes
// from midnight on; it returns how many values were strange in the last day.
func daily(t *testing.T, days int, last func(minute int) float64) int {
	t.Helper()
	e, err := New(Config{})
	require.NoError(t, err)
	metric := &model.Metric{Name: "requests", Type: model.MetricGauge}
	midnight := begin - begin%(seasonHours*hour)
	strange := 0
	for minute := range days * 24 * 60 {
		of := minute % (24 * 60)
		x := usualOf(of)
		if minute/(24*60) == days-1 {
			x = last(of)
		}
		p := pointOf(metric, 0, x)
		p.Time = midnight + model.Nanos(minute)*hour/60
		e.ObservePoints([]model.Point{p})
		if newest(e.measures.series).strange > 0 && minute/(24*60) == days-1 {
			strange++
		}
	}
	return strange
}

func usualOf(minute int) float64 {
	if minute/60 == 9 {
		return float64(500 + minute%7)
	}
	return float64(100 + minute%3)
}

func TestWhatComesAtThisHourEachDayIsNoChange(t *testing.T) {
	assert.Positive(t, daily(t, 1, usualOf), "on the first day it is not known")
	assert.Zero(t, daily(t, 4, usualOf), "on the fourth it is usual")
}

func TestWhatExceedsTheHourOfOtherDaysIsAChange(t *testing.T) {
	assert.Positive(t, daily(t, 4, func(minute int) float64 {
		if minute == 9*60+30 {
			return 5000
		}
		return usualOf(minute)
	}))
}

func TestAFaultOfOneDayIsNoHabit(t *testing.T) {
	var s season
	midnight := begin - begin%(seasonHours*hour)
	for day := range model.Nanos(5) {
		for minute := range model.Nanos(24 * 60) {
			x := 100.0
			if day == 3 && minute/60 == 14 {
				x = 10_000
			}
			s.learn(x, midnight+day*seasonHours*hour+minute*hour/60)
		}
	}
	low, high, _, ok := s.usual(midnight + 14*hour + hour/2)
	require.True(t, ok)
	assert.InDelta(t, 100, low, 1)
	assert.InDelta(t, 107, high, 8, "a quarter of three spreads at most")
}
