// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
)

// SyscallNames are those of this kind of machine; on an unknown one calls are
// reported by their numbers.
func SyscallNames() map[uint32]string {
	switch runtime.GOARCH {
	case "amd64":
		return readSyscalls(syscallsOfAMD64)
	case "arm64":
		return readSyscalls(syscallsOfARM64)
	}
	return nil
}

func readSyscalls(table string) map[uint32]string {
	names := map[uint32]string{}
	next := uint32(0)
	for word := range strings.FieldsSeq(table) {
		if n, err := strconv.ParseUint(word, 10, 32); err == nil {
			next = uint32(n)
			continue
		}
		names[next] = word
		next++
	}
	return names
}

// KnownSyscalls are the names of any machine's calls: one configuration serves the
// machines of all kinds.
func KnownSyscalls() map[string]bool {
	known := map[string]bool{}
	for _, table := range []string{syscallsOfAMD64, syscallsOfARM64} {
		for _, name := range readSyscalls(table) {
			known[name] = true
		}
	}
	return known
}

// noCall is bpf/syscall.bpf.c's number of all calls that there are none of.
const noCall = 512

// CallName is the name of a system call, or its number.
func CallName(names map[uint32]string, number uint32) string {
	if number == noCall {
		return "unknown"
	}
	if name, ok := names[number]; ok {
		return name
	}
	return fmt.Sprintf("syscall_%d", number)
}
