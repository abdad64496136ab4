// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package kernel

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrorName is the name of an errno, such as ENOENT.
func ErrorName(number int64) string {
	if name := unix.ErrnoName(unix.Errno(number)); name != "" {
		return name
	}
	return fmt.Sprint(number)
}
