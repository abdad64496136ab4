// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestTheLogHasTheStartWithItsSettings(t *testing.T) {
	core, logged := observer.New(zap.InfoLevel)
	e := newTestExtension(t, func(c *Config) { c.Store.MaxAge = time.Hour })
	e.set.Logger = zap.New(core)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, e.NotReady())
	require.NoError(t, e.Shutdown(t.Context()))

	started := logged.FilterMessage("tapio extension started").All()
	require.Len(t, started, 1)
	fields := started[0].ContextMap()
	assert.Equal(t, time.Hour, fields["max_age"])
	assert.Equal(t, "512 MiB", fields["memory_limit"])
	assert.Equal(t, false, fields["access_restricted"])
	assert.Len(t, logged.FilterMessage("Tapio API listening").All(), 2, "gRPC and HTTP")
}
