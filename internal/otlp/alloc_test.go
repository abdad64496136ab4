// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestRecordsCostNoAllocationEach holds what the rate of the product rests on:
// a hundred times the records take as many allocations.
func TestRecordsCostNoAllocationEach(t *testing.T) {
	tests := map[string]func(records int) float64{
		"logs": func(n int) float64 {
			logs := benchLogs(n)
			return testing.AllocsPerRun(10, func() { EventsFromLogs(logs) })
		},
		"traces": func(n int) float64 {
			traces := benchTraces(n)
			return testing.AllocsPerRun(10, func() { SpansFromTraces(traces) })
		},
		"gauges": func(n int) float64 {
			metrics := benchMetrics(n)
			return testing.AllocsPerRun(10, func() { PointsFromMetrics(metrics) })
		},
		"histograms": func(n int) float64 {
			metrics := benchHistograms(n)
			return testing.AllocsPerRun(10, func() { PointsFromMetrics(metrics) })
		},
	}
	for name, allocations := range tests {
		assert.LessOrEqual(t, allocations(1000), allocations(10)+1, name)
	}
}
