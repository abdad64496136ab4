// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// Evaluations of a flag are no changes, a further variant is one; of the events of
// Kubernetes some are.
func TestChangesThatEventsReport(t *testing.T) {
	s := newStoreOf(t)
	event := func(at model.Nanos, name string, pairs ...string) model.Event {
		return model.Event{Time: at * 1e9, Name: name, Attributes: attributes(pairs...), Resource: resource("cart"), Scope: &model.Scope{}}
	}
	rows := []model.Event{
		event(3, "tapio.change", "tapio.change.type", "infrastructure", "tapio.change.to", "new disk"),
		event(4, "", "k8s.event.reason", "ScalingReplicaSet"),
		event(5, "", "k8s.event.reason", "Pulled"),
	}
	for i := range model.Nanos(20) {
		variant := "off"
		if i >= 10 {
			variant = "on"
		}
		rows = append(rows, event(10+i, flagEvaluation, "feature_flag.key", "new-cart", "feature_flag.result.variant", variant))
	}
	require.Zero(t, refusedOf(s.AppendEvents(rows)))
	page, err := s.GetChanges(t.Context(), model.ChangeQuery{Paging: model.Paging{Limit: 10, Ascending: true}})
	require.NoError(t, err)
	var got []string
	for _, c := range page.Rows {
		if c.EventID != "" || c.EventName != "" {
			got = append(got, c.EventName+" "+c.From+">"+c.To)
		}
	}
	require.Equal(t, []string{"tapio.change >new disk", " >", "feature_flag.evaluation off>on"}, got)
}
