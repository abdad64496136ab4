// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

func TestAMeteringShowsWhatIsPassedOn(t *testing.T) {
	for name, test := range map[string]struct {
		fault        meter
		failed, slow float64
	}{
		"the calls fail":         {meter{requests: 100, failed: 40, seconds: 2, callsFailed: 40, waited: 1}, 1, 0},
		"the service fails":      {meter{requests: 100, failed: 40, seconds: 2, waited: 1}, 0, 0},
		"half is passed on":      {meter{requests: 100, failed: 40, seconds: 2, callsFailed: 20, waited: 1}, 0.5, 0},
		"the calls take long":    {meter{requests: 100, seconds: 52, waited: 51}, 0, 1},
		"the service takes long": {meter{requests: 100, seconds: 52, waited: 1}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := &metering{}
			for slot := int64(1000); slot < 1360; slot += 12 { // a point a minute
				m.observe(slot-11, slot, meter{requests: 100, seconds: 2, waited: 1})
			}
			m.observe(1349, 1360, test.fault)
			failed, slow := m.passed(1349)
			assert.InDelta(t, test.failed, failed, 0.05)
			assert.InDelta(t, test.slow, slow, 0.05)
		})
	}
}

// calls counts calls of a callee that take so long on average and fail in part.
func (m *metered) calls(caller, callee string, n int, millis, failing float64) {
	m.counts("http.client.request.duration", caller, text("server.address", callee, "http.request.method", "GET"), n, millis, failing)
}

// TestCallersThatPassOnAreNotTheCause has callers and callee report once a minute, each at
// another moment, and the caller's metrics before those of the callee.
func TestCallersThatPassOnAreNotTheCause(t *testing.T) {
	for name, fault := range map[string]struct{ millis, failing float64 }{"failing": {20, 0.5}, "slow": {900, 0}} {
		t.Run(name, func(t *testing.T) {
			m := newMetered(t)
			m.rng = rand.New(rand.NewPCG(3, 3))
			minute := func(millis, failing float64) {
				n := 100 + m.rng.IntN(30)
				m.serves("front", n, 30+millis, failing)
				m.calls("front", "cart", n, 10+millis, failing)
				m.at += 20 * second
				m.flush()
				m.serves("cart", n, 10+millis, failing)
				m.calls("cart", "orders-db", n, millis, failing)
				m.at += 40 * second
				m.flush()
			}
			for range 90 {
				minute(5, 0)
			}
			require.Empty(t, m.all)
			for range 4 {
				minute(fault.millis, fault.failing)
			}
			g := m.only(t)
			assert.Equal(t, "orders-db", g.RootCause.Factors[0].Entity.Name, g.Title)
			assert.Equal(t, model.GroupIncident, g.Kind)
			require.NotEmpty(t, g.Impact.Summary)
			assert.NotContains(t, g.Impact.Summary, "No requests")
			for range 5 {
				minute(5, 0)
			}
			assert.Equal(t, model.GroupResolved, m.only(t).State)
		})
	}
}
