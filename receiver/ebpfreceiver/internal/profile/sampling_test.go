// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package profile

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"golang.org/x/sys/unix"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/protocol"
)

// Two threads hand a byte to and fro. What was taken above the budget of exact ones stands
// for what was not: the estimate of how often they were blocked has no bias. By chance it
// is off by some 2% in the standard deviation; the test allows for eight of them.
func TestBlockedThreadsAreSampledWithoutBias(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it puts programs into the kernel")
	}
	// The maps are for the whole host: another program of very many threads may fill them.
	for range 3 {
		threads, weighed, lost := sampledPingPong(t)
		if lost > 0 {
			t.Logf("%d samples were lost, for the host did more than this test: try again", lost)
			continue
		}
		for thread, switches := range threads {
			require.Greater(t, switches, 10_000.0, "this test has not tried what it is for")
			assert.InEpsilon(t, switches, weighed[thread], 0.15)
		}
		return
	}
	require.Fail(t, "samples were lost each time")
}

// sampledPingPong returns how often each of two threads was blocked, what the samples say
// of it, and how many samples were lost.
func sampledPingPong(t *testing.T) (threads map[uint32]float64, weighed map[uint32]float64, lost uint64) {
	t.Helper()
	kernel, err := kernel.Open(64 << 10)
	require.NoError(t, err)
	p := New(&Config{Enabled: true, OffCPU: true, ExactBlocksPerSecond: 12_000}, protocol.NewHops(), receivertest.NewNopSettings(receivertest.NopType))
	for _, gap := range p.Attach(kernel) {
		require.True(t, gap.Partial, "%v", gap)
	}
	defer func() {
		require.NoError(t, p.Close())
		require.NoError(t, kernel.Close())
	}()
	threads = pingPong(t, 60_000)

	weighed = map[uint32]float64{}
	blocked := map[uint32]uint64{}
	for _, name := range []string{bpf.ProfileMapSamplesEven, bpf.ProfileMapSamplesOdd} {
		require.NoError(t, takeAll(p.programs.Maps[name], func(key *sampleKey, sum *sampleSum) {
			weighed[key.Thread] += float64(sum.Count)
			blocked[key.Thread] += sum.Nanoseconds
		}))
	}
	require.NoError(t, p.missed())
	for _, n := range p.Lost() {
		lost += n
	}
	for thread := range threads {
		assert.True(t, lost > 0 || blocked[thread] > 0)
	}
	return threads, weighed, lost
}

// pingPong returns how often each of its two threads was blocked.
func pingPong(t *testing.T, turns int) map[uint32]float64 {
	t.Helper()
	var there, back [2]int
	require.NoError(t, unix.Pipe2(there[:], unix.O_CLOEXEC))
	require.NoError(t, unix.Pipe2(back[:], unix.O_CLOEXEC))
	blocked := map[uint32]float64{}
	var mu sync.Mutex
	var both sync.WaitGroup
	turn := func(read, write int, begins bool) {
		runtime.LockOSThread() // and ends with the goroutine
		before := voluntarySwitches()
		var letter [1]byte
		for range turns {
			if begins {
				_, _ = unix.Write(write, letter[:])
			}
			_, _ = unix.Read(read, letter[:])
			if !begins {
				_, _ = unix.Write(write, letter[:])
			}
		}
		mu.Lock()
		defer mu.Unlock()
		blocked[uint32(unix.Gettid())] = voluntarySwitches() - before
	}
	both.Go(func() { turn(back[0], there[1], true) })
	both.Go(func() { turn(there[0], back[1], false) })
	both.Wait()
	for _, fd := range append(there[:], back[:]...) {
		require.NoError(t, unix.Close(fd))
	}
	return blocked
}

func voluntarySwitches() float64 {
	text, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "\nvoluntary_ctxt_switches:")
	line, _, _ := strings.Cut(rest, "\n")
	n, _ := strconv.ParseFloat(strings.TrimSpace(line), 64)
	return n
}
