// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/simulate/world"
)

func TestNamesThatMeanTheSame(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"orders-db", "orders-db.data.svc.cluster.local", true},
		{"orders-db", "Orders-DB.internal", true},
		{"orders-db", "orders-db-2", false},
		{"api.paylane.example", "paylane", false},
	} {
		assert.Equal(t, c.same, sameName(c.a, c.b), "%s %s", c.a, c.b)
	}
}

func TestMechanismsAreReadFromTitles(t *testing.T) {
	for title, want := range map[string]string{
		"payments-db has been slow since 18:50:20 UTC: calls take 1.3 s (baseline 8 ms)": "slow",
		"checkout 1.1.0 fails: 40% of orders end with an error since its rollout":        "release",
		"payment refuses connections":                                                          "unavailable",
		"certificate of api.paylane.example has expired":                                       "certificate",
		"consumer group mailer of topic orders lags by 1,200 messages":                         "lag",
		"Memory of cart will be used up in 25 min":                                             "memory",
		"connection pool of orders to orders-db is exhausted":                                  "pool",
		"payment: pod payment-7c9f-x2x has rejected every call; 20% of payments fail":          "errors",
		"node-3 has been short of CPU since 10:41 UTC: 9 services have slow pods there":        "node",
		"catalog cannot resolve orders-db.data.svc: name server 10.96.0.10 does not answer":    "dns",
		"web gets fewer requests: 1.2/s since 10:41 UTC (baseline 14/s)":                       "traffic",
		"flags: 60% of POST /orders fail since feature flag new-prices was turned on at 10:41": "flag",
	} {
		assert.Contains(t, classesIn(title), want, title)
	}
	assert.Empty(t, classesIn("checkout"))
}

// one is an incident with one revision.
func one(at time.Time, entity *tapiov1.Entity, title string) *incident {
	return &incident{id: title, revisions: []*tapiov1.SemanticGroup{{
		Title: title, Time: timestamppb.New(at), TimeRange: &tapiov1.TimeRange{Start: timestamppb.New(at), End: timestamppb.New(at)},
		RootCause: &tapiov1.RootCauseAnalysis{CausalFactors: []*tapiov1.CausalFactor{{Entity: entity}}},
		Impact:    &tapiov1.ImpactAssessment{AffectedRequestRatio: 0.3},
	}}}
}

func TestPagesGoToTheFaultThatAccountsForThem(t *testing.T) {
	begin := time.Unix(1772409600, 0)
	nanos := func(d time.Duration) int64 { return begin.Add(d).UnixNano() }
	service := func(name string) *tapiov1.Entity {
		return &tapiov1.Entity{Kind: tapiov1.Entity_KIND_SERVICE, Name: name, Attributes: map[string]string{"k8s.pod.name": name + "-1"}}
	}
	happening := func(entity string, from, to time.Duration) *world.Happening {
		return &world.Happening{
			Kind: "fault", Start: nanos(from), End: nanos(to), Entities: []string{entity}, Mechanisms: []string{"slow"},
			Observed: world.Affected{Requests: 100, Slow: 30, First: nanos(from + 5*time.Second), Twentieth: nanos(from + 20*time.Second), Last: nanos(to)},
		}
	}
	w := &world.World{Happenings: []*world.Happening{
		happening("cart", 10*time.Minute, 18*time.Minute), happening("stock", 11*time.Minute, 19*time.Minute),
		{Kind: "rollout", Harmless: true, Start: nanos(40 * time.Minute), End: nanos(45 * time.Minute)},
	}}
	s := &System{incidents: []*incident{
		one(begin.Add(11*time.Minute+30*time.Second), service("stock"), "stock is slow"),
		one(begin.Add(11*time.Minute+40*time.Second), service("cart"), "cart is slow"),
		one(begin.Add(41*time.Minute), service("quote"), "quote fails"),
		one(begin.Add(70*time.Minute), service("quote"), "quote fails again"),
	}}
	s.score(w)
	require.Len(t, s.Cases, 2)
	for _, c := range s.Cases {
		assert.True(t, c.Detected)
		assert.Equal(t, 1, c.Place)
		assert.True(t, c.Mechanism)
		assert.True(t, c.ImpactRight)
		assert.Zero(t, c.Extra)
		assert.False(t, c.Resolved)
	}
	assert.InDelta(t, 80, s.Cases[0].ToDetect, 1)
	require.Len(t, s.False, 2)
	assert.Equal(t, "rollout", s.False[0].During)
	assert.Empty(t, s.False[1].During)

	w.Happenings[0].Narrow, w.Happenings[0].Entities = true, []string{"cart-1"}
	s.Cases, s.False = nil, nil
	s.score(w)
	assert.Equal(t, 1, s.Cases[0].Place, "the replica is named")
	w.Happenings[0].Entities = []string{"cart-2"}
	s.Cases, s.False = nil, nil
	s.score(w)
	assert.Zero(t, s.Cases[0].Place, "another replica is named")
}

func TestCalibration(t *testing.T) {
	c := &Calibration{}
	for range 8 {
		c.add(0.95, true)
	}
	c.add(0.95, false)
	c.add(0.15, false)
	assert.InDelta(t, (8*0.0025+0.9025+0.0225)/10, c.Brier(), 1e-9)
	assert.InDelta(t, (9*0.95-8+0.15)/10, c.Error(), 1e-9)
}
