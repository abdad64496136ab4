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
	// Unified says that it is that of v2.
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

// pathOfCgroup finds a cgroup by its id, which is its inode; "" if it has gone.
func pathOfCgroup(proc string, id uint64) string {
	for _, mount := range Mounts(proc) {
		if !mount.Unified && !slices.Contains(mount.Options, "memory") {
			continue
		}
		if path, ok := folderWithInode(mount.Folder, id); ok {
			return path
		}
	}
	return ""
}

func folderWithInode(root string, inode uint64) (found string, ok bool) {
	folders := 0
	// What cannot be read is passed over: the search has no error to tell.
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
