// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"
)

func keeperConfig(memoryLimit ByteSize) *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.Store.MemoryLimit = memoryLimit
	return cfg
}

func TestStoreSurvivesTheExtension(t *testing.T) {
	keeper := newStoreKeeper()
	id := component.MustNewID("tapio")
	first, err := keeper.claim(id, keeperConfig(10<<20), zap.NewNop())
	require.NoError(t, err)
	_, err = keeper.claim(id, keeperConfig(10<<20), zap.NewNop())
	require.ErrorContains(t, err, "in use")

	require.NoError(t, keeper.release(id))
	again, err := keeper.claim(id, keeperConfig(20<<20), zap.NewNop())
	require.NoError(t, err)
	assert.Same(t, first, again)
	assert.Same(t, first.fleet, again.fleet)
	assert.Equal(t, uint64((20<<20-writeRoom(20<<20))/100*40), again.store.Stats()[0].Capacity, "the new configuration's limits are in force")
}

func TestUnclaimedStoreIsForgotten(t *testing.T) {
	keeper := newStoreKeeper()
	id := component.MustNewID("tapio")
	_, err := keeper.claim(id, keeperConfig(10<<20), zap.NewNop())
	require.NoError(t, err)
	held := keeper.held[id]

	keeper.forget(id, held)
	assert.Contains(t, keeper.held, id, "a claimed store stays")
	require.NoError(t, keeper.release(id))
	held.drop.Stop()
	keeper.forget(id, held)
	assert.NotContains(t, keeper.held, id)
}

func TestADirectoryIsLeftForTheNextProcess(t *testing.T) {
	id := component.MustNewID("tapio")
	cfg := keeperConfig(100_000_000)
	cfg.Store.Directory = t.TempDir()
	keeper, another := newStoreKeeper(), newStoreKeeper()
	_, err := keeper.claim(id, cfg, zap.NewNop())
	require.NoError(t, err)
	_, err = another.claim(id, cfg, zap.NewNop())
	require.ErrorContains(t, err, "extensions::tapio::store::directory")

	require.NoError(t, keeper.release(id))
	moved := keeperConfig(100_000_000)
	_, err = keeper.claim(id, moved, zap.NewNop())
	require.NoError(t, err, "in memory from now on")
	_, err = another.claim(id, cfg, zap.NewNop())
	require.NoError(t, err, "and the directory is free")
	require.NoError(t, another.release(id))
	held := another.held[id]
	held.drop.Stop()
	another.forget(id, held)
}
