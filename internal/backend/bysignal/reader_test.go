// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package bysignal_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapio/tapio/internal/backend/bysignal"
	"github.com/tapio/tapio/internal/backend/conformance"
	"github.com/tapio/tapio/internal/backend/federation"
	"github.com/tapio/tapio/internal/backend/tiered"
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

func writeLogs(t *testing.T, to *store.Store, data conformance.Telemetry) {
	t.Helper()
	_, err := to.AppendEvents(otlp.EventsFromLogs(data.Logs))
	require.NoError(t, err)
}

func writeOthers(t *testing.T, to *store.Store, data conformance.Telemetry) {
	t.Helper()
	_, err := to.AppendSpans(otlp.SpansFromTraces(data.Traces))
	require.NoError(t, err)
	_, err = to.AppendPoints(otlp.PointsFromMetrics(data.Metrics))
	require.NoError(t, err)
}

// bySignal holds each signal in the store of its own.
type bySignal struct{ logs, others *store.Store }

func (b bySignal) write(t *testing.T, data conformance.Telemetry) {
	writeLogs(t, b.logs, data)
	writeOthers(t, b.others, data)
}

func TestConforms(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Backend {
		held := bySignal{newStore(t), newStore(t)}
		return conformance.Backend{
			Reader: bysignal.New(held.logs.Reader(), held.others.Reader()), Write: held.write,
			WriteProfiles: func(t *testing.T, list []model.Profile) {
				_, err := held.others.AppendProfiles(list)
				require.NoError(t, err)
			},
		}
	})
}

// Three tiers: memory, log records in one backend, and the other signals in another.
func TestBehindMemoryItConforms(t *testing.T) {
	for name, seam := range map[string]model.Nanos{
		"seam within the data":  conformance.DatasetStart + model.Nanos(4*time.Minute+33*time.Second+7),
		"nothing in the memory": conformance.DatasetStart + model.Nanos(time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			conformance.Run(t, func(t *testing.T) conformance.Backend {
				recent, older := newStore(t), bySignal{newStore(t), newStore(t)}
				reader := tiered.New(tiered.Options{
					Recent: federation.Member{Name: "memory", Reader: recent.Reader()},
					Older:  federation.Member{Name: "elasticsearch and clickhouse", Reader: bysignal.New(older.logs.Reader(), older.others.Reader())},
					Since:  func() model.Nanos { return seam }, Timeout: time.Minute, Calls: 16, QueryMemory: 64 << 20, Now: time.Now,
					Panicked: func(err error) { assert.NoError(t, err) },
				})
				return conformance.Backend{Reader: reader, Write: func(t *testing.T, data conformance.Telemetry) {
					bySignal{recent, recent}.write(t, data)
					older.write(t, data)
				}}
			})
		})
	}
}
