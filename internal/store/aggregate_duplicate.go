// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import "github.com/tapio/tapio/internal/model"

// maxAlike bounds with how many points of the same time one is compared.
const maxAlike = 16

// dropDuplicates leaves out points that repeat another one exactly: a sender
// that got no answer sends its batch again. The points are in order.
func (g *gatherer) dropDuplicates() {
	kept := g.points[:0]
	for i := range g.points {
		if repeatsOne(kept, &g.points[i]) {
			g.duplicates++
			continue
		}
		if len(kept) != i {
			kept = append(kept, g.points[i])
		} else {
			kept = kept[:i+1] // it stays where it is
		}
	}
	g.points = kept
}

// repeatsOne reports whether the last of the points that are in order have p
// already. Points without a time cannot be distinguished, so they all count.
func repeatsOne(points []model.Point, p *model.Point) bool {
	for n := 1; n <= min(len(points), maxAlike) && p.Time != 0; n++ {
		other := &points[len(points)-n]
		if other.Time != p.Time {
			return false
		}
		if other.SameValue(p) {
			return true
		}
	}
	return false
}
