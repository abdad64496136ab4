// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioexporter

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tapio/tapio/exporter/tapioexporter/internal/metadata"
)

func TestTheLogHasTheStartAndTheFirstLoss(t *testing.T) {
	core, logged := observer.New(zap.InfoLevel)
	set := exportertest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	e, err := newExporter(set, createDefaultConfig())
	require.NoError(t, err)
	require.NoError(t, e.start(t.Context(), host{component.MustNewID("tapio"): newOwner()}))
	for range 3 {
		require.Error(t, e.outcome(5, 2, nil))
	}
	require.NoError(t, e.shutdown(t.Context()))

	entries := logged.All()
	require.Len(t, entries, 2, "the start, and the first loss only")
	assert.Equal(t, "tapio exporter started", entries[0].Message)
	assert.Equal(t, "tapio", entries[0].ContextMap()["extension"])
	assert.Equal(t, zap.WarnLevel, entries[1].Level)
	assert.Equal(t, "record_rejected", entries[1].ContextMap()["reason"])
	assert.EqualValues(t, 2, entries[1].ContextMap()["records"])
}
