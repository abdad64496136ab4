// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"

	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/model"
)

// semantic correlates anomalies of the same template, operation, metric or kernel event.
func semantic(de *describer, g *group, signs []*sign) []*model.Correlation {
	var list []*model.Correlation
	for _, part := range inOrder(signs, meaning) {
		if len(part) > 1 {
			list = append(list, de.joined(g, model.CorrelationSemantic, "same_meaning", part, 1,
				fmt.Sprintf("“%s” changed in %d places", bound.Text(part[0].key.what, 80), len(part))))
		}
	}
	return list
}

func meaning(s *sign) string {
	if s.key.class == classEdge {
		return ""
	}
	return s.key.what
}
