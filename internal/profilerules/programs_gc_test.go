// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sys/unix"
)

// linked is an object that the collector finds others through.
type linked struct {
	next *linked
	_    [4]*linked
}

// chain makes objects each of which refers to the one before.
func chain(length int) (last *linked) {
	for range length {
		last = &linked{next: last}
	}
	return last
}

// A program that allocates from many goroutines while the collector is to keep its heap
// small makes them help the collector.
func TestGoroutinesThatHelpTheCollector(t *testing.T) {
	before := debug.SetGCPercent(5)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	kept := chain(1 << 18)
	tree := cpuOf(t, func() {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { runtime.KeepAlive(chain(1 << 16)) })
		}
		all.Wait()
	})
	runtime.KeepAlive(kept)
	assert.Contains(t, found(tree), "go-gc-assist")
}

// A program that does little else than collect garbage, its processors all in use, spends
// more on marking than the collector aims at. The goroutines that use the processors wait in
// a system call that the scheduler does not know of: they keep their processor from marking
// while idle, and take no CPU.
func TestCollectorThatTakesMoreThanItsGoal(t *testing.T) {
	before := runtime.GOMAXPROCS(4)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	var end atomic.Bool
	var busy sync.WaitGroup
	for range 3 {
		busy.Go(func() {
			wait := unix.NsecToTimespec((5 * time.Millisecond).Nanoseconds())
			for !end.Load() {
				_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&wait)), 0, 0)
				runtime.Gosched() // the loop has no other point where the scheduler can stop it
			}
		})
	}
	kept := chain(1 << 18)
	tree := cpuOf(t, runtime.GC)
	end.Store(true)
	busy.Wait()
	runtime.KeepAlive(kept)
	assert.Contains(t, found(tree), "go-gc-background")
}
