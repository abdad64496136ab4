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
	capacity := func(limit uint64) uint64 { return (limit - uint64(writeRoom(int64(limit)))) / 100 * 40 }
	assert.Equal(t, capacity(10<<20), again.store.Stats()[0].Capacity, "the new configuration may not start")
	keeper.settle(id, keeperConfig(20<<20))
	assert.Equal(t, capacity(20<<20), again.store.Stats()[0].Capacity, "the new configuration's limits are in force")
}

func TestUnclaimedStoreIsForgotten(t *testing.T) {
	keeper := newStoreKeeper()
	id := component.MustNewID("tapio")
	_, err := keeper.claim(id, keeperConfig(10<<20), zap.NewNop())
	require.NoError(t, err)
	key := storeKey{id: id}
	held := keeper.held[key]

	keeper.forget(key, held)
	assert.Contains(t, keeper.held, key, "a claimed store stays")
	require.NoError(t, keeper.release(id))
	held.drop.Stop()
	keeper.forget(key, held)
	assert.NotContains(t, keeper.held, key)
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
	require.Error(t, err, "the new configuration may not start")
	keeper.settle(id, moved)
	_, err = another.claim(id, cfg, zap.NewNop())
	require.NoError(t, err, "and the directory is free")
	require.NoError(t, another.release(id))
	key := storeKey{id: id, directory: cfg.Store.Directory}
	another.forget(key, another.held[key])
}

// A configuration with another directory that does not start leaves the store of the
// one before as it was.
func TestAStoreIsKeptUntilAnotherDirectoryRuns(t *testing.T) {
	keeper := newStoreKeeper()
	id := component.MustNewID("tapio")
	first, err := keeper.claim(id, keeperConfig(10<<20), zap.NewNop())
	require.NoError(t, err)
	keeper.settle(id, keeperConfig(10<<20))
	require.NoError(t, keeper.release(id))

	elsewhere := keeperConfig(100_000_000)
	elsewhere.Store.Directory = t.TempDir()
	second, err := keeper.claim(id, elsewhere, zap.NewNop())
	require.NoError(t, err)
	assert.NotSame(t, first, second)
	require.NoError(t, keeper.release(id), "for example because a port is in use")

	again, err := keeper.claim(id, keeperConfig(10<<20), zap.NewNop())
	require.NoError(t, err)
	assert.Same(t, first, again)
	keeper.settle(id, keeperConfig(10<<20))
	assert.Len(t, keeper.held, 1, "the other directory is given up")
}

func TestAnotherStoreIsKnown(t *testing.T) {
	keeper := newStoreKeeper()
	id := component.MustNewID("tapio")
	_, err := keeper.claim(id, keeperConfig(10<<20), zap.NewNop())
	require.NoError(t, err)
	assert.False(t, keeper.hasOther(id, ""), "the first store")
	require.NoError(t, keeper.release(id))
	assert.False(t, keeper.hasOther(id, ""), "the same store")
	assert.True(t, keeper.hasOther(id, t.TempDir()))
	assert.False(t, keeper.hasOther(component.MustNewIDWithName("tapio", "2"), t.TempDir()), "another extension")
}
