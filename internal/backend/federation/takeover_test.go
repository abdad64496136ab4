// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/backend/federation"
	"github.com/tapio/tapio/internal/model"
)

// A reader that takes over goes on where pages and streams of the one before ended, with
// other members beside those that stay.
func TestPagesAndStreamsGoOnInAReaderThatTakesOver(t *testing.T) {
	one, two, three := ofMember(t, "one", 0, 10), ofMember(t, "two", 1, 10), ofMember(t, "three", 2, 10)
	before := federation.New(options(t))
	require.Empty(t, before.SetMembers([]federation.Member{{Name: "one", Reader: one.Reader()}, {Name: "two", Reader: two.Reader()}}))
	first, err := before.QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 7}})
	require.NoError(t, err)
	tail := before.TailEvents(t.Context(), model.EventQuery{}, model.Start{Since: 1})
	var streamed []model.Event
	for len(streamed) < 20 {
		rows, loss, _ := tail.Poll(3)
		require.Zero(t, loss)
		streamed = append(streamed, rows...)
	}

	after := federation.New(options(t))
	after.TakeOver(before)
	require.Equal(t, before.Epoch(), after.Epoch())
	require.Empty(t, after.SetMembers([]federation.Member{
		{Name: "three", Reader: three.Reader()}, {Name: "two", Reader: two.Reader()}, {Name: "one", Reader: one.Reader()},
	}))
	rest, err := after.QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 100, After: first.Next}})
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, row := range append(first.Rows, rest.Rows...) {
		require.False(t, seen[row.Body.Text()], row.Body.Text())
		seen[row.Body.Text()] = true
	}
	for _, service := range []string{"one", "two"} {
		assert.True(t, seen[service+" 0"] && seen[service+" 9"], service)
	}

	_, err = two.AppendEvents([]model.Event{{Time: 2e18, Body: model.StringValue("new"), Resource: first.Rows[0].Resource, Scope: &model.Scope{}}})
	require.NoError(t, err)
	resumed := after.TailEvents(t.Context(), model.EventQuery{Filter: model.Filter{Services: []string{"one", "two"}}},
		model.Start{Resume: true, After: streamed[len(streamed)-1].Seq})
	var got []string
	for range 20 {
		rows, loss, _ := resumed.Poll(10)
		require.Zero(t, loss)
		for i := range rows {
			got = append(got, rows[i].Body.Text())
		}
	}
	assert.Equal(t, []string{"new"}, got, "nothing twice, nothing left out")
}
