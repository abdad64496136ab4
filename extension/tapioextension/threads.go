// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"os"
	"runtime"
)

const (
	defaultSpareThreads = 2
	maxSpareThreads     = 64
)

// spareThreads lets the runtime run Go code on more threads than there are
// processors. While each processor decodes a batch, none looks whether a
// connection has become readable, for up to 10 ms; with a thread to spare, one
// waits for that in the kernel, which wakes it at once. Who sets GOMAXPROCS has
// decided otherwise. The returned function undoes it.
func spareThreads(spare int) (undo func()) {
	if _, decided := os.LookupEnv("GOMAXPROCS"); decided || spare == 0 {
		return func() {}
	}
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + spare)
	return runtime.SetDefaultGOMAXPROCS
}
