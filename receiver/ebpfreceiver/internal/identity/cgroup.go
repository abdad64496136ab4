//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Mount is where a hierarchy of cgroups is to be found.
type Mount struct {
	Folder string
	// Unified reports that it is that of v2.
	Unified bool
	// Options are the controllers of a hierarchy of v1, and more.
	Options []string
}

// Mounts reads /proc/self/mountinfo.
func Mounts(proc string) []Mount {
	info, err := os.ReadFile(filepath.Join(proc, "self", "mountinfo"))
	if err != nil {
		return nil
	}
	var mounts []Mount
	for line := range strings.Lines(string(info)) {
		before, after, found := strings.Cut(line, " - ")
		where, what := strings.Fields(before), strings.Fields(after)
		if !found || len(where) < 5 || len(what) < 3 || !strings.HasPrefix(what[0], "cgroup") {
			continue
		}
		mounts = append(mounts, Mount{Folder: where[4], Unified: what[0] == "cgroup2", Options: strings.Split(what[2], ",")})
	}
	return mounts
}

// maxFolders bounds a search: a host with more cgroups than this has bigger
// troubles than a nameless one.
const maxFolders = 20000

// v1Cgroup marks the ids of v1's memory controller, as bpf/event.h's V1_CGROUP
// does: those of different hierarchies are alike.
const v1Cgroup = 1 << 63

// mountOf returns the hierarchy that an id belongs to.
func mountOf(proc string, id uint64) (Mount, bool) {
	for _, mount := range Mounts(proc) {
		if id&v1Cgroup == 0 && mount.Unified || id&v1Cgroup != 0 && slices.Contains(mount.Options, memory) {
			return mount, true
		}
	}
	return Mount{}, false
}

// pathOfCgroup finds a cgroup by its id, which is its inode; "" if it has gone.
func pathOfCgroup(mount Mount, id uint64) string {
	path, _ := folderWithInode(mount.Folder, id&^v1Cgroup)
	return path
}

// isIn reports whether these are the cgroups of someone who is in the one with
// that id.
func isIn(mount Mount, cgroups string, id uint64) bool {
	for controllers, path := range hierarchies(cgroups) {
		if controllers == memory && !mount.Unified || controllers == "" && mount.Unified {
			var stat syscall.Stat_t
			return syscall.Stat(filepath.Join(mount.Folder, path), &stat) == nil && stat.Ino == id&^v1Cgroup
		}
	}
	return false
}

func folderWithInode(root string, inode uint64) (found string, ok bool) {
	folders := 0
	// What cannot be read is passed over: the search has no error to report.
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil
		}
		if folders++; folders > maxFolders {
			return fs.SkipAll
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		stat, isUnix := info.Sys().(*syscall.Stat_t)
		if !isUnix || stat.Ino != inode {
			return nil
		}
		found, ok = "/"+strings.TrimPrefix(strings.TrimPrefix(path, root), "/"), true
		return fs.SkipAll
	})
	return found, ok
}

// MemoryIsV1 reports whether the memory controller has a hierarchy of its own, by
// which the kernel's programs then know containers. If /proc does not say, it may.
func MemoryIsV1() bool {
	text, err := os.ReadFile("/proc/cgroups")
	if err != nil {
		return true
	}
	return memoryIsV1(string(text))
}

func memoryIsV1(controllers string) bool {
	for line := range strings.Lines(controllers) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == memory {
			return fields[1] != "0"
		}
	}
	return false // of v2 alone, the kernel may leave the list empty
}
