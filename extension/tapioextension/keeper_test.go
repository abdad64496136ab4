// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
)

func keeperConfig(memoryLimit ByteSize) *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.Store.MemoryLimit = memoryLimit
	return cfg
}

func TestStoreSurvivesTheExtension(t *testing.T) {
	keeper := newStoreKeeper()
	id := component.MustNewID("tapio")
	first, err := keeper.claim(id, keeperConfig(10<<20))
	require.NoError(t, err)
	_, err = keeper.claim(id, keeperConfig(10<<20))
	require.ErrorContains(t, err, "in use")

	keeper.release(id)
	again, err := keeper.claim(id, keeperConfig(20<<20))
	require.NoError(t, err)
	assert.Same(t, first, again)
	assert.Same(t, first.fleet, again.fleet)
	assert.Equal(t, uint64(20<<20/100*40), again.store.Stats()[0].Capacity, "the new configuration's limits are in force")
}

func TestUnclaimedStoreIsForgotten(t *testing.T) {
	keeper := newStoreKeeper()
	id := component.MustNewID("tapio")
	_, err := keeper.claim(id, keeperConfig(10<<20))
	require.NoError(t, err)
	held := keeper.held[id]

	keeper.forget(id, held)
	assert.Contains(t, keeper.held, id, "a claimed store stays")
	keeper.release(id)
	held.drop.Stop()
	keeper.forget(id, held)
	assert.NotContains(t, keeper.held, id)
}
