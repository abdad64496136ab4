// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/model"
)

// pending reports how many requests of inventory wait for a connection of its pool.
func pending(w *world, n float64) {
	w.e.ObservePoints([]model.Point{{
		Time: w.at, Number: model.NumberDouble, Bits: math.Float64bits(n),
		Series: &model.Series{
			Metric:   &model.Metric{Name: "db.client.connection.pending_requests", Unit: "{request}", Type: model.MetricGauge},
			Resource: &model.Resource{Attributes: text("service.name", "inventory", "k8s.pod.name", "inventory-0")},
		},
	}})
}

func TestAPoolIsExhaustedIfOthersAreAnsweredAsBefore(t *testing.T) {
	for name, c := range map[string]struct {
		caller string // that waits, "" for each
		cause  string
	}{
		"one caller waits": {"inventory", "inventory"},
		"all wait":         {"", "postgres"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := shopWorld(t, 73)
			for range 60 {
				w.run(15)
				pending(w, 0)
			}
			w.faults = []trouble{{service: "postgres", caller: c.caller, millis: 1200, during: w.after(0)}}
			for range 6 {
				w.run(15)
				pending(w, 24)
			}
			cause := w.cause()
			assert.Equal(t, c.cause, cause.Entity.Name, "%v", w.reported())
			for _, g := range w.last {
				if c.caller != "" {
					assert.Contains(t, g.Title, "inventory has had no free connection in its pool since")
					assert.Contains(t, cause.Reason, "24 requests of inventory wait for a connection of its pool (baseline 0)")
				} else {
					assert.NotContains(t, g.Title, "pool")
				}
			}
		})
	}
}
