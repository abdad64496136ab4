// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package federation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapio/tapio/internal/backend/conformance"
	"github.com/tapio/tapio/internal/backend/federation"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newStore(t *testing.T) *store.Store {
	held := store.New(store.Limits{Logs: 64 << 20, Traces: 64 << 20, Metrics: 64 << 20, Profiles: 16 << 20, QueryMemory: 64 << 20}, time.Now)
	t.Cleanup(held.Close)
	return held
}

func options(t *testing.T) federation.Options {
	return federation.Options{
		Timeout: time.Minute, Calls: 16, QueryMemory: 64 << 20, Now: time.Now,
		Panicked: func(err error) { assert.NoError(t, err) },
	}
}

func write(t *testing.T, to *store.Store, data conformance.Telemetry) {
	t.Helper()
	_, err := to.AppendEvents(otlp.EventsFromLogs(data.Logs))
	require.NoError(t, err)
	_, err = to.AppendSpans(otlp.SpansFromTraces(data.Traces))
	require.NoError(t, err)
	_, err = to.AppendPoints(otlp.PointsFromMetrics(data.Metrics))
	require.NoError(t, err)
}

// Each of three members has the telemetry of some of the instances.
func TestConformance(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Backend {
		stores := []*store.Store{newStore(t), newStore(t), newStore(t)}
		var members []federation.Member
		for i, held := range stores {
			members = append(members, federation.Member{Name: string(rune('a' + i)), Reader: held.Reader()})
		}
		reader := federation.New(options(t))
		require.Empty(t, reader.SetMembers(members))
		return conformance.Backend{Reader: reader, Write: func(t *testing.T, data conformance.Telemetry) {
			for i, part := range conformance.SplitByResource(data, len(stores)) {
				write(t, stores[i], part)
			}
		}, WriteProfiles: func(t *testing.T, list []model.Profile) {
			for i, part := range conformance.SplitProfiles(list, len(stores)) {
				_, err := stores[i].AppendProfiles(part)
				require.NoError(t, err)
			}
		}}
	})
}
