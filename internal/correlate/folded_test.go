// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// The programs that the receiver counts together are no service that may be at fault.
func TestProgramsCountedTogetherAreNoService(t *testing.T) {
	for program, found := range map[string]bool{"backup": true, otherPrograms: false} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			w := shopWorld(t, 61)
			from, errors := w.at, int64(0)
			resource := &model.Resource{Attributes: text("host.name", "node-0", semconv.Source, origin.KernelSource)}
			run := func(seconds int, added int64) {
				for range seconds / 10 {
					w.run(10)
					errors += added
					w.e.ObservePoints([]model.Point{{Time: w.at, Start: from, Number: model.NumberInt, Bits: uint64(errors), Series: &model.Series{
						Metric:     &model.Metric{Name: "backup.errors", Type: model.MetricSum, Unit: "{call}", Monotonic: true, Temporality: model.TemporalityCumulative},
						Attributes: text(origin.ProgramKey, program, "step", "copy"), Resource: resource,
					}}})
				}
			}
			run(900, 1)
			run(600, 900)
			assert.Equal(t, found, len(w.reported()) > 0, w.reported())
		})
	}
}
