//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"fmt"
	"os"
)

// nginx is the name of its executable.
const nginx = "nginx"

// threadingOf finds event loops by what they wait with. Of those only nginx and Redis are
// known to do nothing of their own between requests; a process of PostgreSQL has one
// connection. What cannot be read is taken for an event loop.
func threadingOf(pid uint32, name string) threading {
	switch name {
	case nginx, "redis-server", "redis-check-rdb", "valkey-server", "valkey-check-rdb": // a file may have several names
		return requestsOnly
	case "postgres":
		return sequential
	}
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	files, err := os.ReadDir(folder)
	if err != nil {
		return interleaving
	}
	for _, file := range files {
		switch to, err := os.Readlink(folder + "/" + file.Name()); {
		case err != nil && !os.IsNotExist(err), to == "anon_inode:[eventpoll]", to == "anon_inode:[io_uring]":
			return interleaving
		}
	}
	return sequential
}
