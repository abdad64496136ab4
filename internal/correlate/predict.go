// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/tapio"
)

// predictions says when a resource of a touched service runs out, where its use
// rises along a line; without such a trend there is none.
func (e *Engine) predictions(g *group) []tapio.Prediction {
	var list []tapio.Prediction
	for _, held := range e.series.all() {
		s := *held
		if s.class != classResource || !g.concerns(s.service.name) || !strings.Contains(s.name, "utilization") || strings.Contains(s.name, "cpu") {
			continue
		}
		limit := 1.0
		if s.unit == "%" {
			limit = 100
		}
		earliest, latest, ok := s.trend.until(limit, s.newest)
		if !ok || latest > horizon {
			continue
		}
		list = append(list, tapio.Prediction{
			Description: fmt.Sprintf("%s of %s reaches its limit in %s to %s", s.name, s.service.name, span(earliest), span(latest)),
			Expected:    tapio.TimeRange{Start: s.last + tapio.Nanos(earliest*1e9), End: s.last + tapio.Nanos(latest*1e9)},
			Probability: minFit,
			Entity:      serviceEntity(s.service.name),
			Evidence:    []tapio.EvidenceRef{{Kind: tapio.EvidenceMetric, ID: s.id, Time: s.last, Description: "rises along a line"}},
		})
	}
	return list
}

// horizon is how far a line is trusted: a day, for load follows the hour.
const horizon = 86400

func span(seconds float64) string {
	return time.Duration(seconds * 1e9).Round(time.Minute).String()
}
