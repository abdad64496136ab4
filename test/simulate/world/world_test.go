// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const start = 1772409600 * second

// played is what a world sends in some minutes.
func played(t *testing.T, w *World, length int64) (spans []ptrace.Span) {
	t.Helper()
	require.NoError(t, w.Advance(w.Now()+length, func(a *Arrivals) error {
		for _, r := range a.Traces.ResourceSpans().All() {
			for _, span := range r.ScopeSpans().At(0).Spans().All() {
				spans = append(spans, span)
			}
		}
		return nil
	}))
	return spans
}

func TestASeedIsPlayedAlike(t *testing.T) {
	settings := Settings{Seed: 7, Start: start, Rate: 3, Spans: true}
	one, two := played(t, New(settings), 40*second), played(t, New(settings), 40*second)
	require.NotEmpty(t, one)
	require.Equal(t, len(one), len(two))
	for i := range one {
		require.Equal(t, one[i].TraceID(), two[i].TraceID())
		require.Equal(t, one[i].Name(), two[i].Name())
		require.Equal(t, one[i].EndTimestamp(), two[i].EndTimestamp())
	}
	settings.Seed = 8
	other := played(t, New(settings), 40*second)
	assert.NotEqual(t, one[0].TraceID(), other[0].TraceID())
}

// Each kind finds a place in some system, and a fault that shows in requests of
// users affects some.
func TestEachKindHappens(t *testing.T) {
	for _, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= 12; seed++ {
				w := New(Settings{Seed: seed, Start: start, Rate: 5, Services: 12, Spans: true})
				h := w.Plan(k, start+5*second)
				if h == nil {
					continue
				}
				if k.Harmless {
					played(t, w, 80*second)
					return
				}
				require.NotEmpty(t, h.Entities)
				require.NotEmpty(t, h.Mechanisms)
				if k.Long || h.Unaffected {
					played(t, w, 80*second)
					return
				}
				if played(t, w, 80*second); h.Observed.Failed+h.Observed.Slow > 0 {
					return
				}
			}
			t.Fatal("in none of twelve systems")
		})
	}
}
