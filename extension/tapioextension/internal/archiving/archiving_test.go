// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package archiving

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/archive"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store"
)

// unreachable is an archive of a store with three log records, whose object store refuses
// connections.
func unreachable(t *testing.T, positions *archive.Positions) *Archive {
	t.Helper()
	kept := store.New(store.Limits{Logs: 1 << 20, Traces: 1 << 20, Metrics: 1 << 20, Profiles: 1 << 20}, time.Now)
	rows := make([]model.Event, 3)
	for i := range rows {
		rows[i] = model.Event{Time: model.Nanos(time.Now().UnixNano()), Resource: &model.Resource{}, Scope: &model.Scope{}}
	}
	_, err := kept.AppendEvents(rows)
	require.NoError(t, err)
	cfg := DefaultConfig()
	cfg.Bucket, cfg.Endpoint, cfg.AccessKeyID, cfg.SecretAccessKey = "telemetry", "http://127.0.0.1:1", "a", "b"
	require.NoError(t, cfg.Validate())
	a, err := Open(t.Context(), &cfg, Options{
		Store: kept, Positions: positions, Logger: zap.NewNop(), Trouble: func(error) {}, Panicked: func(err error) { assert.NoError(t, err) },
	})
	require.NoError(t, err)
	a.Stop()
	return a
}

func atOnce(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestTheEndReportsWhatTheArchiveLacks(t *testing.T) {
	err := unreachable(t, archive.NewPositions()).End(atOnce(t))
	assert.ErrorContains(t, err, "archive: bucket telemetry lacks the last records (3 of logs): ")
}

func TestAStoreInADirectoryIsArchivedLater(t *testing.T) {
	positions, err := archive.OpenPositions(t.TempDir())
	require.NoError(t, err)
	assert.NoError(t, unreachable(t, positions).End(atOnce(t)))
}
