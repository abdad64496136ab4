//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import "golang.org/x/sys/unix"

type openFlag struct {
	bits uint32
	name string
}

// openFlagNames has those that hold others before them.
func openFlagNames() []openFlag {
	return []openFlag{
		{unix.O_CREAT, "O_CREAT"},
		{unix.O_EXCL, "O_EXCL"},
		{unix.O_TRUNC, "O_TRUNC"},
		{unix.O_APPEND, "O_APPEND"},
		{unix.O_NONBLOCK, "O_NONBLOCK"},
		{unix.O_SYNC, "O_SYNC"},
		{unix.O_DSYNC, "O_DSYNC"},
		{unix.O_DIRECT, "O_DIRECT"},
		{unix.O_TMPFILE, "O_TMPFILE"},
		{unix.O_DIRECTORY, "O_DIRECTORY"},
		{unix.O_NOFOLLOW, "O_NOFOLLOW"},
		{unix.O_PATH, "O_PATH"},
		{unix.O_CLOEXEC, "O_CLOEXEC"},
	}
}
