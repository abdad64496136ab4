// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"

	"github.com/tapio/tapio/internal/model"
)

// temporal correlates anomalies that began within one window of the first.
func temporal(de *describer, g *group, signs []*sign) []*model.Correlation {
	var near []*sign
	window := 2 * de.time.Width()
	for _, s := range signs {
		if s.onset-signs[0].onset <= window {
			near = append(near, s)
		}
	}
	if len(near) < 2 {
		return nil
	}
	apart := near[len(near)-1].onset - near[0].onset
	score := 1 - float64(apart)/float64(2*window)
	return []*model.Correlation{de.joined(g, model.CorrelationTemporal, "onset", near, score,
		fmt.Sprintf("%d changes set in within %s, at %s", len(near), millis(float64(apart)/1e6), clock(near[0].onset)))}
}
