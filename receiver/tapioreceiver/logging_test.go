// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioreceiver

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tapio/tapio/receiver/tapioreceiver/internal/metadata"
)

func TestTheLogHasTheStart(t *testing.T) {
	core, logged := observer.New(zap.InfoLevel)
	set := receivertest.NewNopSettings(metadata.Type)
	set.Logger = zap.New(core)
	r, err := NewFactory().CreateLogs(t.Context(), set, createDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	require.Error(t, r.Start(t.Context(), host{}))
	require.Zero(t, logged.Len(), "a start that fails is reported by its error")
	require.NoError(t, r.Start(t.Context(), host{component.MustNewID("tapio"): &source{}}))
	require.NoError(t, r.Shutdown(t.Context()))
	require.Equal(t, 1, logged.Len())
	assert.Equal(t, "tapio receiver started", logged.All()[0].Message)
	assert.Equal(t, "tapio", logged.All()[0].ContextMap()["extension"])
}
