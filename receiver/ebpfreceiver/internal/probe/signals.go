//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// signalName returns SIGKILL for 9; a real-time signal is told by its number.
func signalName(n int32) string {
	if name := unix.SignalName(unix.Signal(n)); name != "" {
		return name
	}
	return "SIG" + strconv.Itoa(int(n))
}
