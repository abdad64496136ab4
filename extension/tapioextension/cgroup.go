// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// containerMemory returns the memory that the process's control group may take,
// math.MaxInt64 where there is no bound or none is known. root is where the root
// of the file system is.
func containerMemory(root string) int64 {
	groups, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return math.MaxInt64
	}
	least := int64(math.MaxInt64)
	for line := range bytes.Lines(groups) {
		parts := strings.SplitN(strings.TrimSpace(string(line)), ":", 3) // id:controllers:path
		if len(parts) < 3 {
			continue
		}
		switch parts[1] {
		case "":
			least = min(least, leastLimit(filepath.Join(root, "sys/fs/cgroup"), parts[2], "memory.max"))
		case "memory":
			least = min(least, leastLimit(filepath.Join(root, "sys/fs/cgroup/memory"), parts[2], "memory.limit_in_bytes"))
		}
	}
	return least
}

// leastLimit returns the least limit of a group and of those that it is in. Within a
// container only its own group is mounted, as the root.
func leastLimit(mount, group, file string) int64 {
	least := int64(math.MaxInt64)
	for group = filepath.Clean("/" + group); ; group = filepath.Dir(group) {
		text, err := os.ReadFile(filepath.Join(mount, group, file))
		if n, bad := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && bad == nil && n > 0 {
			least = min(least, n)
		}
		if group == "/" {
			return least
		}
	}
}
