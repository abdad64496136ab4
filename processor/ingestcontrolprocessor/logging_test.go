// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ingestcontrolprocessor

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestTheLogHasTheStartAndTheFirstLoss(t *testing.T) {
	core, logged := observer.New(zap.InfoLevel)
	set, _ := settings(t)
	set.Logger = zap.New(core)
	cfg := configured(t, func(c *Config) {
		c.Source = "edge"
		c.Logs.MaxPerSecond = 1
		c.Logs.Exclude = []string{`body == "noise"`}
	})
	p, err := NewFactory().CreateLogs(t.Context(), set, cfg, consumertest.NewNop())
	require.NoError(t, err)
	started(t, p)
	require.NoError(t, p.ConsumeLogs(t.Context(), lines("noise")))
	require.Equal(t, 1, logged.Len(), "what a condition drops is wanted")
	for range 3 {
		require.NoError(t, p.ConsumeLogs(t.Context(), lines("a", "b", "c", "d", "e")))
	}

	entries := logged.All()
	require.Len(t, entries, 2, "the start, and the first loss only")
	assert.Equal(t, "ingest control started", entries[0].Message)
	fields := entries[0].ContextMap()
	assert.Equal(t, "edge", fields["source"])
	assert.EqualValues(t, 1, fields["max_per_second"])
	assert.Equal(t, []any{`body == "noise"`}, fields["exclude"])
	assert.Equal(t, zap.WarnLevel, entries[1].Level)
	assert.Equal(t, "rate_limit", entries[1].ContextMap()["reason"])
	assert.EqualValues(t, 4, entries[1].ContextMap()["records"])
}
