// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/backend/conformance"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/store"
)

func limits() store.Limits {
	return store.Limits{Logs: 64 << 20, Traces: 64 << 20, Metrics: 64 << 20, Profiles: 16 << 20, QueryMemory: 64 << 20}
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

func writeProfiles(t *testing.T, to *store.Store, list []model.Profile) {
	t.Helper()
	refused, err := to.AppendProfiles(list)
	require.NoError(t, err)
	require.Zero(t, refused)
}

func TestMemory(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Backend {
		held := store.New(limits(), time.Now)
		t.Cleanup(held.Close)
		return conformance.Backend{
			Reader:        held.Reader(),
			Write:         func(t *testing.T, data conformance.Telemetry) { write(t, held, data) },
			WriteProfiles: func(t *testing.T, list []model.Profile) { writeProfiles(t, held, list) },
		}
	})
}

func TestDirectoryAfterReopen(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Backend {
		directory := store.DirectoryOptions{Path: t.TempDir(), Durability: store.DurabilityAsync, Report: func(problem string, err error) {
			t.Errorf("%s: %v", problem, err)
		}}
		held, err := store.Open(limits(), time.Now, directory)
		require.NoError(t, err)
		t.Cleanup(func() { held.Close() })
		return conformance.Backend{
			Reader:        held.Reader(),
			Write:         func(t *testing.T, data conformance.Telemetry) { write(t, held, data) },
			WriteProfiles: func(t *testing.T, list []model.Profile) { writeProfiles(t, held, list) },
			Reopen: func(t *testing.T) query.Reader {
				held.Close()
				held, err = store.Open(limits(), time.Now, directory)
				require.NoError(t, err)
				return held.Reader()
			},
		}
	})
}
