// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// asks has a desk that skips a step from the middle of what is asked about on,
// while the printer's queue, which no one calls, holds so many.
func asks(t *testing.T, queued float64) *desk {
	t.Helper()
	d := newDesk(t, Config{Asked: model.TimeRange{Start: begin + 100*second, End: begin + 180*second}})
	queue := &model.Series{
		Metric: &model.Metric{Name: "printer.queue.length", Unit: "{job}", Type: model.MetricGauge}, Resource: d.resource("printer"),
	}
	holds := func(x float64) {
		d.e.ObservePoints([]model.Point{{Series: queue, Time: d.at, Number: model.NumberDouble, Bits: math.Float64bits(x)}})
	}
	for i := range 120 {
		holds(10 + float64(i%3))
		d.serves(1, "takes order", "books order")
	}
	for range 60 {
		holds(queued)
		d.serves(1, "takes order")
	}
	d.at = begin + 200*second
	d.flush()
	return d
}

func TestAnswersNameWhatToConsiderNext(t *testing.T) {
	d := asks(t, 40)
	require.Len(t, d.last, 2)
	for id, g := range d.last {
		first := g.RootCause.Factors[0]
		if !d.e.Further(id) {
			assert.Equal(t, "desk", first.Entity.Name)
			continue
		}
		assert.Equal(t, "printer", first.Entity.Name)
		assert.Contains(t, g.Title, "Also consider printer")
		assert.Contains(t, first.Reason, "printer.queue.length of printer is 40 jobs (baseline 11 jobs)")
		assert.NotEmpty(t, first.Evidence)
		assert.Less(t, g.Confidence, 0.25, "that a queue is longer names no cause")
	}
}

func TestWhatIsAsUsualIsNotToBeConsidered(t *testing.T) {
	d := asks(t, 11)
	assert.Len(t, d.last, 1)
	assert.False(t, d.e.Further(d.only(t).ID))
}
