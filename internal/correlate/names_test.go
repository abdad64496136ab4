// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
)

func TestNamesThatSeveralCannotResolveAreTheNameServersFault(t *testing.T) {
	s := &seen{shop: newShop(t, Config{})}
	s.live(75, func() { s.call(true, 3e6) })
	s.live(60, func() {
		s.call(false, 1e6)
		s.event("web", "", "tapio.dns.lookup_failed", "error.type", "timeout", "dns.question.name", "pay.shop")
		s.event("pay", "", "tapio.dns.lookup_failed", "error.type", "timeout", "dns.question.name", "bank.example")
	})
	g := s.only(t)
	assert.Equal(t, "dns", g.RootCause.Factors[0].Entity.Name, g.Title)
	assert.Contains(t, g.Title, "name server dns has not resolved names since 22:14:35 UTC")
	assert.Contains(t, g.RootCause.Factors[0].Reason, "lookups of bank.example, pay.shop by pay and web fail with \"timeout\"")
	assert.Equal(t, model.GroupNetwork, g.Type)
}

func TestNamesThatThereAreNotPageNoOne(t *testing.T) {
	s := &seen{shop: newShop(t, Config{})}
	s.live(75, func() { s.call(true, 3e6) })
	s.live(60, func() {
		s.call(true, 3e6)
		s.event("web", "", "tapio.dns.lookup_failed", "error.type", "SERVFAIL", "dns.question.name", "pay.shop.example")
		s.event("pay", "", "tapio.dns.lookup_failed", "error.type", "SERVFAIL", "dns.question.name", "bank.example")
	})
	for _, g := range s.last {
		assert.NotEqual(t, model.GroupIncident, g.Kind, g.Title)
	}
}

// Who gives up on a request that it cannot answer resets the connections of its callers.
func TestResetsAreAnEffectOfACalleeThatFails(t *testing.T) {
	s := &seen{shop: newShop(t, Config{})}
	s.live(75, func() { s.call(true, 3e6) })
	s.live(60, func() {
		s.call(false, 1e6)
		s.event("pay", "", "tapio.tcp.connect_failed", "error.type", "ECONNREFUSED", "network.peer.address", "10.0.0.6", "network.peer.port", 6379)
		s.event("web", "", "tapio.tcp.reset", "network.peer.address", "10.0.0.3", "network.peer.port", 8003)
	})
	g := s.only(t)
	assert.Equal(t, "10.0.0.6:6379", g.RootCause.Factors[0].Entity.Name, g.Title)
	assert.Contains(t, g.Title, "10.0.0.6:6379 has refused connections since 22:14:35 UTC")
}

// Callers that wait for a name are slow and give up: that is no evidence on the services that they call.
func TestCallsThatWaitForANameAreNoEvidenceOnTheCallee(t *testing.T) {
	slow := &sign{key: signKey{service: "orders", peer: "web", class: classEdge}, size: 1, strength: baseline.MaxStrength}
	late := &sign{key: signKey{service: "orders-db", class: classError}, dependency: true, from: "web", quote: "context deadline exceeded", strength: baseline.MaxStrength}
	elsewhere := &sign{key: signKey{service: "orders-db", class: classError}, dependency: true, from: "batch", quote: "context deadline exceeded", strength: baseline.MaxStrength}
	full := &sign{key: signKey{service: "orders-db", class: classError}, dependency: true, from: "web", quote: "no space left on device", strength: baseline.MaxStrength}
	excuseWaiting([]*sign{slow, late, elsewhere, full}, []string{"web"})
	assert.True(t, slow.supports)
	assert.True(t, late.supports)
	assert.False(t, late.alarms(baseline.AlarmStrength))
	assert.True(t, elsewhere.alarms(baseline.AlarmStrength), "of a caller that resolves names")
	assert.True(t, full.alarms(baseline.AlarmStrength), "it says why")
}
