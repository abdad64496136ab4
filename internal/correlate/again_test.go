// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// demoWorld is the part of the demo's shop that orders go through.
func demoWorld(t testing.TB, seed uint64) *world {
	w := newWorld(t, seed,
		member{name: "storefront", own: 2, calls: []string{"checkout"}},
		member{name: "checkout", own: 4, calls: []string{"payment"}, version: "1.4.2"},
		member{name: "payment", own: 3, calls: []string{"payments-db", "bank-api"}},
		member{name: "payments-db", own: 4, silent: database("payments-db")},
		member{name: "bank-api", own: 20, silent: text("server.address", "bank-api")},
	)
	w.retries, w.backOff = 1, 50
	return w
}

// A release that fails right after the database that it depends on has come back is an
// incident of its own, and does not keep the one of the database open.
func TestAReleaseThatFailsAfterTheDatabaseIsBackIsAnIncident(t *testing.T) {
	for _, seconds := range []int{5, 20, 45} {
		t.Run(fmt.Sprintf("%d s after", seconds), func(t *testing.T) {
			w := demoWorld(t, 7)
			w.run(180)
			down := w.at
			w.faults = []trouble{{service: "payments-db", fails: "dial tcp: connect: connection refused", during: func(w *world) bool { return w.at < down+60*second }}}
			w.run(60 + seconds)
			released := w.at
			m := w.parts["checkout"]
			m.version, m.first = "1.5.0", 1
			w.faults = append(w.faults, trouble{service: "checkout", share: 0.33, fails: "index out of range [3] with length 3", during: func(w *world) bool { return w.at < released+120*second }})
			w.run(90)
			var found []*model.SemanticGroup
			for _, g := range w.last {
				if g.Kind == model.GroupIncident && g.State != model.GroupMerged {
					found = append(found, g)
				}
			}
			require.Len(t, found, 2, "%v", w.reported())
			for _, g := range found {
				cause := g.RootCause.Factors[0].Entity.Name
				if g.Range.Start >= released-20*second {
					require.Equal(t, "checkout", cause, "%v", w.reported())
					continue
				}
				require.Equal(t, "payments-db", cause, "%v", w.reported())
				require.Equal(t, model.GroupResolved, g.State, "%v", w.reported())
			}
		})
	}
}
