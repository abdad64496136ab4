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

// cached is a service that asks a cache and, of what is missing there, a database.
type cached struct {
	e       *Engine
	at      model.Nanos
	rng     *rand.Rand
	system  string  // of what stands before the database
	refuses bool    // that one refuses connections
	slow    float64 // ms that the database takes more
	groups  map[string]*model.SemanticGroup
}

func (c *cached) run(seconds int) {
	for range seconds {
		for range 10 {
			var id model.TraceID
			for at := range id {
				id[at] = byte(c.rng.Uint32())
			}
			start := c.at + model.Nanos(c.rng.IntN(1e9))
			span := func(n byte, name string, kind int32, ms float64, attributes model.Attributes) model.Span {
				s := model.Span{TraceID: id, SpanID: model.SpanID{n}, Name: name, Kind: kind, Start: start, End: start + model.Nanos(ms*1e6), Resource: onDesk("shop"), Attributes: attributes}
				if n > 1 {
					s.ParentID = model.SpanID{1}
				}
				return s
			}
			asks := (1+c.rng.Float64())*2 + c.slow
			cache := span(2, "GET", kindClient, 0.5, text("db.system.name", c.system, "server.address", "front-store"))
			if c.refuses {
				cache.StatusCode, cache.StatusMessage = model.StatusError, "dial tcp front-store:6379: connect: connection refused"
			}
			c.e.ObserveSpans([]model.Span{
				span(1, "GET /cart", kindServer, asks+2, model.Attributes{}), cache,
				span(3, "SELECT", kindClient, asks, text("db.system.name", "postgresql", "server.address", "orders-db")),
			})
		}
		c.at += second
		for _, f := range c.e.Flush(c.at) {
			if g, ok := f.(*model.SemanticGroup); ok {
				c.groups[g.ID] = g
			}
		}
	}
}

// A cache that restarts is empty: its callers ask the database until it is filled again. That is one incident,
// whose cause is the cache, also while only the database is slow.
func TestAnEmptyCacheIsWhyADatabaseIsSlow(t *testing.T) {
	for name, c := range map[string]struct {
		system string
		slow   float64
		causes []string
	}{
		"a cache":             {"redis", 200, []string{"front-store"}},
		"the cache alone":     {"redis", 0, nil}, // no request fails or is slow
		"two databases apart": {"mysql", 200, []string{"front-store", "orders-db"}},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := New(Config{})
			require.NoError(t, err)
			d := &cached{e: e, at: begin, rng: rand.New(rand.NewPCG(5, 5)), system: c.system, groups: map[string]*model.SemanticGroup{}}
			d.run(240)
			require.Empty(t, d.groups)
			d.refuses = true
			d.run(5)
			d.slow = c.slow
			d.run(35)
			d.refuses = false
			d.run(240)
			d.slow = 0
			d.run(200)
			var causes []string
			for _, g := range d.groups {
				if g.Kind == model.GroupIncident {
					causes = append(causes, g.RootCause.Factors[0].Entity.Name)
				}
			}
			assert.ElementsMatch(t, c.causes, causes)
		})
	}
}
