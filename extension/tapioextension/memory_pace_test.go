// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"
)

// paced runs a process that allocates so many bytes a second, and returns the percentage
// that it ends with.
func paced(p *garbagePace, seconds int, perSecond, live uint64) (percent int) {
	for range seconds {
		percent, _ = p.follow(p.at.Add(time.Second), p.allocated+perSecond, live)
	}
	return percent
}

func begun() *garbagePace {
	p := &garbagePace{}
	p.follow(time.Unix(1, 0), 1<<30, 0)
	return p
}

func TestTheRoomForGarbageFollowsWhatIsAllocated(t *testing.T) {
	for name, test := range map[string]struct {
		perSecond, live uint64
		want            int
	}{
		"little, small":     {1 << 20, 64 << 20, 50},   // garbageRoom
		"little, large":     {1 << 20, 1 << 30, 13},    // one in liveShare
		"as much as 3 s":    {32 << 20, 160 << 20, 60}, // 96 MiB
		"much":              {200 << 20, 160 << 20, 200},
		"nothing lives yet": {200 << 20, 0, 200},
		"next to nothing":   {200 << 20, 1, 200},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, paced(begun(), 100, test.perSecond, test.live))
		})
	}
}

func TestTheRoomFollowsBurstsSlowly(t *testing.T) {
	p := begun()
	require.Equal(t, 50, paced(p, 100, 1<<20, 64<<20))
	assert.InDelta(t, 94, paced(p, 1, 100<<20, 64<<20), 10, "a second of a burst does not fill the memory")
	assert.Equal(t, 200, paced(p, 5, 100<<20, 64<<20), "one that goes on has room")
	assert.InDelta(t, 50, paced(p, 60, 1<<20, 64<<20), 13)
	changes := 0
	for i := range 120 {
		_, changed := p.follow(p.at.Add(time.Second), p.allocated+uint64(1+i%2)<<20, 64<<20+uint64(i%3)<<20)
		if changed && i >= 20 {
			changes++
		}
	}
	assert.Zero(t, changes, "small changes leave the runtime alone")
}

func TestTheRuntimeIsPacedWhileItIsAimed(t *testing.T) {
	before := runtimeIs()
	keeper := newStoreKeeper()
	keeper.memory.lookup = unsetEnvironment
	id := component.MustNewID("tapio")
	_, err := keeper.claim(id, keeperConfig(1<<30), zap.NewNop())
	require.NoError(t, err)
	keeper.memory.garbage = garbagePace{at: time.Now().Add(-time.Hour)}
	keeper.pace() // next to nothing was allocated in that hour, by its second
	assert.LessOrEqual(t, runtimeIs().percent, garbagePercent)
	assert.Equal(t, keeper.memory.garbage.percent, runtimeIs().percent)
	require.NoError(t, keeper.release(id))
	assert.Equal(t, before, runtimeIs())
	keeper.pace()
	assert.Equal(t, before, runtimeIs(), "what is not aimed is left alone")
	for _, held := range keeper.held {
		held.drop.Stop()
	}
}
