// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
)

// findingsConfig closes incidents soon and answers as JSON too.
func findingsConfig() string {
	return strings.NewReplacer("semantic_correlation: {}", "semantic_correlation: {close_after: 20s}",
		"http: {enabled: false}", `http: {endpoint: "localhost:0"}`).Replace(config)
}

// Subscribers get an incident's life as typed updates: it opens, grows,
// recovers and is resolved; and queries return the same, over gRPC and as JSON.
func TestFindingsReachEverybody(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := running.Start(ctx, filepath.Join("..", "..", "bin", "tapio"), findingsConfig())
	require.NoError(t, err)
	defer c.Stop()
	api := tapiov1.NewTapioServiceClient(c.API)
	subscribed, err := api.SubscribeToEvents(ctx, &tapiov1.SubscribeToEventsRequest{})
	require.NoError(t, err)
	streamed, err := api.StreamEvents(ctx)
	require.NoError(t, err)
	require.NoError(t, streamed.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Subscription{
		Subscription: &tapiov1.Subscription{SubscriptionId: "all"},
	}}))

	begin := time.Now().Add(-healthy - broken - 6*time.Minute).Truncate(time.Second)
	s := newShop()
	s.run(ctx, t, c, begin, healthy)
	s.paymentFails = true
	s.run(ctx, t, c, begin.Add(healthy), broken)
	s.paymentFails = false
	s.run(ctx, t, c, begin.Add(healthy+broken), 3*time.Minute)

	pulled := lifeOf(t, func() ([]*tapiov1.SemanticGroup, error) {
		update, err := subscribed.Recv()
		return update.GetGroups(), err
	})
	pushed := lifeOf(t, func() ([]*tapiov1.SemanticGroup, error) {
		update, err := streamed.Recv()
		return []*tapiov1.SemanticGroup{update.GetGroup()}, err
	})
	require.Equal(t, pulled, pushed)
	require.Equal(t, tapiov1.SemanticGroup_STATE_OPEN, pulled[0].state)
	require.Equal(t, tapiov1.SemanticGroup_STATE_RESOLVED, pulled[len(pulled)-1].state)
	for i, update := range pulled {
		require.EqualValues(t, i+1, update.revision, "no update is lost or sent twice")
	}
	id := pulled[0].id
	requireGroupAsJSON(t, c, id)
	requireMarked(ctx, t, c, id)
}

// run makes the shop live for so long, and sends what its SDKs would.
func (s *shop) run(ctx context.Context, t *testing.T, c *running.Collector, begin time.Time, d time.Duration) {
	t.Helper()
	for second := time.Duration(0); second < d; second += time.Second {
		send(ctx, t, c, s, begin.Add(second))
	}
}

type update struct {
	id       string
	revision uint64
	state    tapiov1.SemanticGroup_State
}

// lifeOf reads a stream until a group is resolved.
func lifeOf(t *testing.T, receive func() ([]*tapiov1.SemanticGroup, error)) []update {
	t.Helper()
	var life []update
	for {
		groups, err := receive()
		require.NoError(t, err, "after %v", life)
		for _, g := range groups {
			if g == nil {
				continue
			}
			life = append(life, update{g.GetId(), g.GetRevision(), g.GetState()})
			require.Equal(t, life[0].id, g.GetId(), "one fault is one incident")
			if g.GetState() == tapiov1.SemanticGroup_STATE_RESOLVED {
				return life
			}
		}
	}
}

func requireGroupAsJSON(t *testing.T, c *running.Collector, id string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+c.HTTP+"/v1/groups:query", bytes.NewBufferString("{}"))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	var answer struct {
		Groups []struct {
			ID, State, Title string
			RootCause        struct {
				CausalFactors []struct{ Entity struct{ Name string } }
			}
		}
	}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
	require.Len(t, answer.Groups, 1)
	require.Equal(t, id, answer.Groups[0].ID)
	require.Equal(t, "STATE_RESOLVED", answer.Groups[0].State)
	require.NotEmpty(t, answer.Groups[0].RootCause.CausalFactors)
	require.Equal(t, "payment", answer.Groups[0].RootCause.CausalFactors[0].Entity.Name)
}

// requireMarked checks that records of the incident carry its id.
func requireMarked(ctx context.Context, t *testing.T, c *running.Collector, id string) {
	t.Helper()
	answer, err := tapiov1.NewObservabilityServiceClient(c.API).GetTraces(ctx, &tapiov1.GetTracesRequest{Query: &tapiov1.TraceQuery{
		Filter: &tapiov1.Filter{LabelSelectors: []*tapiov1.Filter_LabelSelector{{Key: "tapio.group.id", Values: []string{id}}}},
	}})
	require.NoError(t, err)
	require.NotEmpty(t, answer.GetTraces(), "spans that failed meanwhile")
}
