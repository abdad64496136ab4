// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"strings"
	"sync/atomic"

	"github.com/tapio/tapio/internal/model"
)

// findingCounts count the findings that were stored, updates included.
type findingCounts struct{ correlations, groups, insights atomic.Uint64 }

// note looks at the rows that are about to be stored. Nearly all are distinguished from
// findings by their first letters.
func (c *findingCounts) note(rows []model.Event) {
	for i := range rows {
		name := rows[i].Name
		if !strings.HasPrefix(name, "tapio.") {
			continue
		}
		switch name {
		case model.CorrelationEvent:
			c.correlations.Add(1)
		case model.SemanticGroupEvent:
			c.groups.Add(1)
		case model.InsightEvent:
			c.insights.Add(1)
		}
	}
}

// Findings counts the findings that came since the store was made, by the name
// of their event.
func (s *Store) Findings() map[string]uint64 {
	return map[string]uint64{
		model.CorrelationEvent:   s.findings.correlations.Load(),
		model.SemanticGroupEvent: s.findings.groups.Load(),
		model.InsightEvent:       s.findings.insights.Load(),
	}
}
