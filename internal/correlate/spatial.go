// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"

	"github.com/tapio/tapio/internal/tapio"
)

// spatial joins the signs of one pod, and those of different services on one
// node, in which case the node is in question.
func spatial(e *Engine, g *group, signs []*sign) []*tapio.Correlation {
	byPod := inOrder(signs, func(s *sign) string { return s.pod })
	var list []*tapio.Correlation
	for _, part := range byPod {
		if len(part) > 1 {
			list = append(list, e.joined(g, tapio.CorrelationSpatial, "same_pod", part, 1,
				fmt.Sprintf("%d changes in pod %s", len(part), part[0].pod)))
		}
	}
	for _, part := range inOrder(signs, func(s *sign) string { return s.node }) {
		if services := inOrder(part, func(s *sign) string { return s.key.service }); len(services) > 1 {
			list = append(list, e.joined(g, tapio.CorrelationSpatial, "same_node", part, 0.5,
				fmt.Sprintf("%d services on node %s changed together", len(services), part[0].node)))
		}
	}
	return list
}

// inOrder parts signs by a key, in order of appearance; those without are left out.
func inOrder(signs []*sign, key func(*sign) string) [][]*sign {
	var parts [][]*sign
	places := map[string]int{}
	for _, s := range signs {
		k := key(s)
		if k == "" {
			continue
		}
		at, found := places[k]
		if !found {
			at = len(parts)
			places[k] = at
			parts = append(parts, nil)
		}
		parts[at] = append(parts[at], s)
	}
	return parts
}
