// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"fmt"
	"os"
)

// endAsProfiler is called by TestMain, as the receiver starts this program again for
// OpenTelemetry's profiler.
func endAsProfiler() {
	isProfiler, err := RunProfiler(os.Args[1:])
	if !isProfiler {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
