// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

func TestNamesOfASearchPath(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"api.example.cluster.local", "api.example.svc.cluster.local", true},
		{"api.example.svc.cluster.local", "api.example.cluster.local", true},
		{"api.example.shop.svc.cluster.local", "api.example", true},
		{"api.example", "api.example.shop.svc.cluster.local", false}, // the lookup itself
		{"api.example", "api.example", false},
		{"a.example.com", "b.example.com", false},
		{"api.one.com", "api.two.com", false},
		{"db.shop.svc.cluster.local", "cache.shop.svc.cluster.local", false},
		{"db", "cache", false},
	} {
		assert.Equal(t, c.want, triedAfter(c.a, c.b), "%v", c)
	}
}

func TestASearchPathIsNoFailure(t *testing.T) {
	e, err := New(Config{})
	require.NoError(t, err)
	s := e.graph.service(&origin.Origin{Service: "orders"})
	ask := func(name string) bool {
		return e.kernel.searchStep(&model.Event{Attributes: model.Attributes{
			{Key: "error.type", Value: model.StringValue("NXDOMAIN")}, {Key: "dns.question.name", Value: model.StringValue(name)},
		}}, s)
	}
	assert.False(t, ask("api.example.shop.svc.cluster.local"), "nothing is known of it yet")
	for range 3 {
		assert.True(t, ask("api.example.svc.cluster.local"))
		assert.True(t, ask("api.example.cluster.local"))
		assert.True(t, ask("api.example.shop.svc.cluster.local"))
		assert.False(t, ask("api.example"), "the name itself does not exist")
	}
	for i := range 2 * maxSearched {
		ask(fmt.Sprintf("x%d", i))
	}
	assert.LessOrEqual(t, len((*e.kernel.searched.Get("orders")).names), maxSearched)
}
