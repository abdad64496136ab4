// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/store"
)

func group(id string, state model.GroupState, level model.ImpactLevel) *model.SemanticGroup {
	now := model.Nanos(time.Now().UnixNano())
	return &model.SemanticGroup{
		FindingIdentity: model.FindingIdentity{ID: id, Revision: 1, Time: now}, Type: model.GroupDependency, State: state,
		Title: "payments-db is slow", Range: model.TimeRange{Start: now - 60e9, End: now}, Services: []string{"payments-db", "checkout"},
		RootCause: model.RootCause{Summary: "Calls take 1.3 s.", Factors: []model.CausalFactor{{
			Entity: model.Entity{Kind: model.EntityService, Name: "payments-db", Attributes: model.Attributes{
				{Key: "k8s.namespace.name", Value: model.StringValue("shop")},
			}},
			Within: []model.Entity{{Kind: model.EntityPod, Name: "payments-db-0"}},
		}}},
		Impact: model.Impact{Level: level, Summary: "24% of orders fail."},
	}
}

func TestAlertOfAnIncident(t *testing.T) {
	record := otlp.EventFromFinding(group("g-1", model.GroupOpen, model.ImpactHigh))
	a, ok := alertOf(&record)
	require.True(t, ok)
	assert.Equal(t, "incident/g-1", a.ID)
	assert.Equal(t, SeverityError, a.Severity)
	assert.Equal(t, "Calls take 1.3 s.\n24% of orders fail.", a.Text)
	assert.Equal(t, map[string]string{
		"incident": "g-1", "cause_type": "dependency", "cause_kind": "service", "cause": "payments-db", "service": "payments-db",
		"namespace": "shop", "pod": "payments-db-0",
	}, a.Labels)
	for state, want := range map[string]State{
		"open": StateFiring, "growing": StateFiring, "reopened": StateFiring, "recovering": StateRecovering, "unknown": StateUnknown,
		"resolved": StateResolved, "closed": StateResolved, "merged": StateMerged,
	} {
		assert.Equal(t, want, incidentState(state), state)
	}
}

// Observations and planned changes are no page.
func TestOnlyIncidentsAreAlerts(t *testing.T) {
	for kind, want := range map[string]bool{"": true, "incident": true, "observation": false, "change": false} {
		record := otlp.EventFromFinding(group("g-1", model.GroupOpen, model.ImpactHigh))
		record.Attributes = append(record.Attributes, model.KeyValue{Key: "tapio.group.kind", Value: model.StringValue(kind)})
		_, ok := alertOf(&record)
		assert.Equal(t, want, ok, kind)
	}
	_, ok := alertOf(&model.Event{Name: "tapio.semantic_group"})
	assert.False(t, ok, "a record without a finding")
}

// What is stored while nothing sends is sent by the next manager, from the place that
// the journal noted.
func TestFeedGoesOnWhereItEnded(t *testing.T) {
	kept := store.New(store.Limits{Logs: 16 << 20, Traces: 1 << 20, Metrics: 1 << 20}, time.Now)
	defer kept.Close()
	journal := NewJournal()
	to := &endpoint{}
	append1 := func(g *model.SemanticGroup) {
		_, err := kept.AppendEvents([]model.Event{otlp.EventFromFinding(g)})
		require.NoError(t, err)
	}
	append1(group("before", model.GroupOpen, model.ImpactHigh))
	m := start(t, journal, nil, webhookTo(to))
	m.Feed(kept)
	require.Eventually(t, func() bool {
		append1(group("a", model.GroupOpen, model.ImpactHigh)) // until the feed has begun
		return len(to.got()) == 1
	}, 10*time.Second, 10*time.Millisecond)
	stop(m)
	append1(group("b", model.GroupOpen, model.ImpactHigh))
	m = start(t, journal, nil, webhookTo(to))
	defer stop(m)
	m.Feed(kept)
	require.Eventually(t, func() bool { return len(to.got()) == 2 }, 10*time.Second, 10*time.Millisecond)
	assert.Contains(t, to.got()[0], "incident/a")
	assert.Contains(t, to.got()[1], "incident/b")
}
