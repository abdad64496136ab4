// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"strings"

	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// maxTree is the most ancestors of a process that are kept, as many as the eBPF receiver reports.
const maxTree = 9

// treeOf lists the keys of an event's process and its ancestors, without the first process of the host
// or container, from which all others descend.
func treeOf(ev *model.Event) []string {
	own, found := ev.Attributes.Get(semconv.ProcessKey)
	if !found {
		return nil
	}
	tree := []string{bound.Copy(own.Text())}
	ancestors, _ := ev.Attributes.Get(semconv.ProcessAncestorKeys)
	for _, item := range ancestors.Items() {
		if key := item.Value.Text(); len(tree) < maxTree && !strings.HasPrefix(key, "1:") {
			tree = append(tree, bound.Copy(key))
		}
	}
	return tree
}

// sameTree correlates kernel events of processes one of which started the other, or that have the same
// parent.
func sameTree(de *describer, g *group, signs []*sign) []*model.Correlation {
	var list []*model.Correlation
	for i, a := range signs {
		for _, b := range signs[i+1:] {
			if how := kinship(a, b); how != "" && len(list) < maxPerRule {
				list = append(list, de.joined(g, model.CorrelationSpatial, "process_tree", []*sign{a, b}, 1,
					fmt.Sprintf("the processes of “%s” and “%s” %s", a.brieftext(), b.brieftext(), how)))
			}
		}
	}
	return list
}

func kinship(a, b *sign) string {
	if a.kernel == nil || b.kernel == nil || len(a.kernel.tree) == 0 || len(b.kernel.tree) == 0 {
		return ""
	}
	x, y := a.kernel.tree, b.kernel.tree
	switch {
	case x[0] == y[0]:
		return "are one"
	case descends(x, y[0]), descends(y, x[0]):
		return "are of one line: the one started the other"
	case len(x) > 1 && len(y) > 1 && x[1] == y[1]:
		return "have the same parent"
	}
	return ""
}

func descends(tree []string, from string) bool {
	for _, ancestor := range tree[1:] {
		if ancestor == from {
			return true
		}
	}
	return false
}

func (s *sign) brieftext() string { return bound.Text(s.text, 90) }
