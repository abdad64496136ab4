// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package budget_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/store/budget"
)

// However many queries a client runs, another one finds memory for one of its own.
func TestAClientLeavesMemoryToOthers(t *testing.T) {
	b := budget.NewBudget()
	b.SetLimit(400)
	greedy, modest := query.WithClient(t.Context(), "greedy"), query.WithClient(t.Context(), "modest")
	var open []*budget.Account
	for range 3 {
		a := b.Account(greedy)
		require.NoError(t, a.Take(100))
		open = append(open, a)
	}
	fourth := b.Account(greedy)
	require.ErrorContains(t, fourth.Take(1), "the queries of greedy together would hold more than the 300 bytes")
	require.NoError(t, b.Account(modest).Take(100))
	require.EqualValues(t, 1, b.Refused.Load())

	open[0].Give(50)
	require.NoError(t, fourth.Take(50), "what one of its queries gives back, another one may take")
	for _, a := range append(open, fourth) {
		a.Close()
		a.Close()
	}
	require.EqualValues(t, 100, b.Used.Load())
	own := b.Account(t.Context())
	require.NoError(t, own.Take(100), "the server's own work counts for no client")
	own.Close()
}
