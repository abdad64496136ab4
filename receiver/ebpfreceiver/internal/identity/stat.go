//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

func owner(folder string) uint32 {
	info, err := os.Stat(folder)
	if err != nil {
		return 0
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return stat.Uid
}

type procStat struct {
	key    Key
	parent uint32
	comm   string
}

// parseStat minds that a program may call itself ") R 1 (".
func parseStat(pid uint32, text []byte) (procStat, error) {
	from, to := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if from < 0 || to < from {
		return procStat{}, fmt.Errorf("/proc/%d/stat has no name in brackets", pid)
	}
	fields := bytes.Fields(text[to+1:])
	if len(fields) < 20 {
		return procStat{}, fmt.Errorf("/proc/%d/stat has %d fields after the name, not 20", pid, len(fields))
	}
	parent, err := strconv.ParseUint(string(fields[1]), 10, 32)
	if err != nil {
		return procStat{}, fmt.Errorf("/proc/%d/stat: parent: %w", pid, err)
	}
	start, err := strconv.ParseUint(string(fields[19]), 10, 64)
	if err != nil {
		return procStat{}, fmt.Errorf("/proc/%d/stat: start: %w", pid, err)
	}
	return procStat{key: Key{PID: pid, Start: start}, parent: uint32(parent), comm: string(text[from+1 : to])}, nil
}
