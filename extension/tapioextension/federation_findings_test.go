// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Incidents that the engines of several members found are listed at a front, each in
// its latest revision, page by page.
func TestIncidentsOfMembers(t *testing.T) {
	members := []*servedStore{newServedStore(t), newServedStore(t)}
	front := newServedStoreOf(t, func(*servedStore) query.Reader { return newFederation(t, members[0].reader(t), members[1].reader(t)) })
	for revision := range uint64(3) {
		for i := range 10 {
			_, err := members[i%2].AppendEvents([]model.Event{otlp.EventFromFinding(&model.SemanticGroup{
				FindingIdentity: model.FindingIdentity{ID: fmt.Sprint("incident-", i), Revision: revision + 1, Time: model.Nanos(1e18 + revision*1e12 + uint64(i)/4*1e9)},
				Title:           fmt.Sprint("incident ", i, " revision ", revision+1), State: model.GroupOpen, Kind: model.GroupIncident,
			})})
			require.NoError(t, err)
		}
	}
	client := tapiov1.NewTapioServiceClient(front.conn)
	for _, ascending := range []bool{false, true} {
		seen := map[string]bool{}
		request := &tapiov1.GetSemanticGroupsRequest{Filter: &tapiov1.Filter{Limit: 3, Ascending: ascending}}
		for {
			page, err := client.GetSemanticGroups(t.Context(), request)
			require.NoError(t, err)
			require.Empty(t, page.GetNotes())
			for _, g := range page.GetGroups() {
				require.False(t, seen[g.GetId()], "%s is repeated", g.GetId())
				require.EqualValues(t, 3, g.GetRevision())
				seen[g.GetId()] = true
			}
			if request.Filter.PageToken = page.GetNextPageToken(); page.GetNextPageToken() == "" {
				break
			}
		}
		require.Len(t, seen, 10)
	}
	one, err := client.GetSemanticGroups(t.Context(), &tapiov1.GetSemanticGroupsRequest{GroupIds: []string{"incident-7"}})
	require.NoError(t, err)
	require.Len(t, one.GetGroups(), 1)
	require.Equal(t, "incident 7 revision 3", one.GetGroups()[0].GetTitle())
}
