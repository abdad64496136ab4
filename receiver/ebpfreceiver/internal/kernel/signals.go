//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// SignalName returns SIGKILL for 9; a real-time signal is written as its number.
func SignalName(n int32) string {
	if name := unix.SignalName(unix.Signal(n)); name != "" {
		return name
	}
	return "SIG" + strconv.Itoa(int(n))
}
