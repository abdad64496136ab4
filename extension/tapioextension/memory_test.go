// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"
)

// runtimeIs reads the settings of this process.
func runtimeIs() runtimeSettings {
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	return runtimeSettings{percent: percent, limit: debug.SetMemoryLimit(-1)}
}

func unsetEnvironment(string) (string, bool) { return "", false }

func TestTheRuntimeIsAimedAndSetBack(t *testing.T) {
	before := runtimeIs()
	keeper := newStoreKeeper()
	keeper.memory.lookup = unsetEnvironment
	one, two := component.MustNewIDWithName("tapio", "one"), component.MustNewIDWithName("tapio", "two")
	_, err := keeper.claim(one, keeperConfig(1<<30), zap.NewNop())
	require.NoError(t, err)
	alone := runtimeIs()
	assert.Equal(t, garbagePercent, alone.percent)
	assert.Greater(t, alone.limit, int64(1<<30))
	assert.Less(t, alone.limit, int64(1<<30/4*5))
	_, err = keeper.claim(two, keeperConfig(1<<30), zap.NewNop())
	require.NoError(t, err)
	assert.Greater(t, runtimeIs().limit, int64(2<<30), "for both stores")

	require.NoError(t, keeper.release(two))
	assert.InDelta(t, alone.limit, runtimeIs().limit, 64<<20)
	require.NoError(t, keeper.release(one))
	assert.Equal(t, before, runtimeIs())
	for _, held := range keeper.held {
		held.drop.Stop()
	}
}

func TestTheUsersRuntimeSettingsStand(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		before := runtimeIs()
		m := memoryTarget{lookup: func(asked string) (string, bool) { return "", asked == name }}
		m.aim(1 << 30)
		assert.Equal(t, before, runtimeIs(), name)
		m.aim(0)
		assert.Equal(t, before, runtimeIs(), name)
	}
}

func TestHeapForStores(t *testing.T) {
	assert.Equal(t, int64(1024<<20+256<<20-32<<20-60<<20), heapFor(1024<<20, math.MaxInt64, 60<<20, 900<<20))
	assert.Equal(t, int64(50<<20+garbageRoom), heapFor(4<<20, math.MaxInt64, 60<<20, 50<<20), "what lives has room for garbage")
	assert.Equal(t, int64(math.MaxInt64), heapFor(math.MaxInt64-1, math.MaxInt64, 0, 0))
	assert.Equal(t, int64(600<<20-60<<20-40<<20), heapFor(512<<20, 600<<20, 40<<20, 300<<20), "a container that is smaller")
}

func TestFilesAreReadFromStatus(t *testing.T) {
	assert.Equal(t, int64(51_200<<10), filesFromStatus([]byte("VmRSS:\t  70000 kB\nRssFile:\t   51200 kB\nRssShmem: 0 kB\n")))
	assert.Zero(t, filesFromStatus([]byte("VmRSS: 1 kB\n")))
	assert.Positive(t, residentFiles())
	runtime.GC()
	assert.Positive(t, liveHeap())
}
