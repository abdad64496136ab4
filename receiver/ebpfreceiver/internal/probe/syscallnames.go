//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"strconv"
	"strings"
)

// syscallNames reads syscallTable.
func syscallNames() map[uint32]string {
	names := map[uint32]string{}
	next := uint32(0)
	for word := range strings.FieldsSeq(syscallTable) {
		if n, err := strconv.ParseUint(word, 10, 32); err == nil {
			next = uint32(n)
			continue
		}
		names[next] = word
		next++
	}
	return names
}
