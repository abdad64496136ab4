// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// traceContext correlates anomalies that share a trace in their evidence.
func traceContext(de *describer, g *group, signs []*sign) []*model.Correlation {
	byTrace := map[string][]*sign{}
	var order []string
	for _, s := range signs {
		for _, ref := range s.evidence {
			trace, _, found := strings.Cut(ref.ID, ":")
			if ref.Kind != model.EvidenceSpan || !found {
				continue
			}
			held := byTrace[trace]
			if len(held) == 0 {
				order = append(order, trace)
			}
			if len(held) == 0 || held[len(held)-1] != s {
				byTrace[trace] = append(held, s)
			}
		}
	}
	var list []*model.Correlation
	for _, trace := range order {
		if part := byTrace[trace]; len(part) > 1 {
			list = append(list, de.joined(g, model.CorrelationTraceContext, "same_trace", part, 1,
				fmt.Sprintf("%d changes show in trace %s", len(part), trace)))
		}
	}
	return list
}
