// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package learned

import (
	"slices"
	"strings"
	"time"

	"github.com/tapio/tapio/test/simulate/world"
)

// Tally counts what the incidents of a model are worth.
type Tally struct {
	Faults, Detected, First, Third, Incidents, False int
	Days                                             float64 // of 20 services
}

// leastAffected and after are as in package evaluate: how many requests a fault must
// affect to count, and how long after its end an incident is still due to it.
const (
	leastAffected = 15
	after         = int64(3 * time.Minute)
)

// Add counts the incidents of one system.
func (t *Tally) Add(w *world.World, start int64, incidents []Incident) {
	t.Days += float64(w.Now()-start) / float64(24*time.Hour) * float64(len(w.Services)) / 20
	t.Incidents += len(incidents)
	for i := range incidents {
		if !slices.ContainsFunc(w.Happenings, func(h *world.Happening) bool { return !h.Harmless && concerns(&incidents[i], h) }) {
			t.False++
		}
	}
	for _, h := range w.Happenings {
		if h.Harmless || !h.Unaffected && h.Observed.Failed+h.Observed.Slow < leastAffected {
			continue
		}
		t.Faults++
		detected, place := false, 0
		for i := range incidents {
			if !concerns(&incidents[i], h) {
				continue
			}
			detected = true
			if at := placeOf(incidents[i].Causes, h); at > 0 && (place == 0 || at < place) {
				place = at
			}
		}
		count(&t.Detected, detected)
		count(&t.First, place == 1)
		count(&t.Third, place >= 1 && place <= 3)
	}
}

func count(n *int, yes bool) {
	if yes {
		*n++
	}
}

// concerns reports whether an incident is due to a fault: it began while that was on.
func concerns(i *Incident, h *world.Happening) bool {
	return i.From >= h.Start-h.Lead && i.From < h.End+after
}

// placeOf is the place of the right entity, from 1; 0: it is not among the causes. Of a
// fault of a replica its service is right, as these models see no more.
func placeOf(causes []string, h *world.Happening) int {
	return 1 + slices.IndexFunc(causes, func(name string) bool {
		return slices.ContainsFunc(h.Entities, func(right string) bool {
			return right == name || h.Narrow && strings.HasPrefix(right, name+"-")
		})
	})
}
