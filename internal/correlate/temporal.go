// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"

	"github.com/tapio/tapio/internal/model"
)

// temporal joins the signs that set in within one window of the first.
func temporal(e *Engine, g *group, signs []*sign) []*model.Correlation {
	var close []*sign
	window := 2 * e.slotWidth()
	for _, s := range signs {
		if s.onset-signs[0].onset <= window {
			close = append(close, s)
		}
	}
	if len(close) < 2 {
		return nil
	}
	apart := close[len(close)-1].onset - close[0].onset
	score := 1 - float64(apart)/float64(2*window)
	return []*model.Correlation{e.joined(g, model.CorrelationTemporal, "onset", close, score,
		fmt.Sprintf("%d changes set in within %s, at %s", len(close), millis(float64(apart)/1e6), clock(close[0].onset)))}
}
