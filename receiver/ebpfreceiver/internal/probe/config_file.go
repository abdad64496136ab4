// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

// FileConfig sets of which files operations are reported.
type FileConfig struct {
	// Enabled runs the probe.
	Enabled bool `mapstructure:"enabled"`
	// Paths lists the files to report: absolute paths of files, of directories including everything below,
	// or prefixes that end in `*`. Without one the probe attaches nothing. Accepted: at most 128 paths of
	// 250 bytes.
	Paths []string `mapstructure:"paths"`
	// ExcludePaths lists exceptions. The longest matching path decides.
	ExcludePaths []string `mapstructure:"exclude_paths"`
	// Opens reports files that are opened.
	Opens bool `mapstructure:"opens"`
	// Writes reports files that are written.
	Writes bool `mapstructure:"writes"`
	// Unlinks reports files that are removed.
	Unlinks bool `mapstructure:"unlinks"`
	// Renames reports files that are renamed.
	Renames bool `mapstructure:"renames"`
	// Reads also reports files that are opened for reading only.
	Reads bool `mapstructure:"reads"`
	// WriteInterval is how often writes to a file that stays open are reported; otherwise they are when it
	// is closed. Accepted: 1s or more.
	WriteInterval time.Duration `mapstructure:"write_interval"`
}

// The bounds of the paths: bpf/file.h's prefixes, of which each path takes two.
const (
	maxPaths      = 128
	maxPathLength = 250
)

// DefaultFileConfig reports every operation, and selects no files.
func DefaultFileConfig() FileConfig {
	return FileConfig{
		Enabled: true, Opens: true, Writes: true, Unlinks: true, Renames: true, Reads: true, WriteInterval: 10 * time.Second,
	}
}

// Validate checks that the kernel can compare the paths.
func (c *FileConfig) Validate() error {
	errs := []error{validPaths("paths", c.Paths), validPaths("exclude_paths", c.ExcludePaths)}
	if len(c.Paths) > 0 && c.WriteInterval < time.Second {
		errs = append(errs, fmt.Errorf("write_interval: must be 1s or more, is %s: write a number with its unit, for example 10s", c.WriteInterval))
	}
	if len(c.Paths) > 0 && !c.Opens && !c.Writes && !c.Unlinks && !c.Renames {
		errs = append(errs, errors.New("opens, writes, unlinks, renames: one of them must be true; `enabled: false` switches the probe off"))
	}
	return errors.Join(errs...)
}

func validPaths(key string, paths []string) error {
	if len(paths) > maxPaths {
		return fmt.Errorf("%s: must be at most %d, are %d: name a folder that they share", key, maxPaths, len(paths))
	}
	for i, p := range paths {
		stem := strings.TrimSuffix(p, "*")
		switch {
		case !strings.HasPrefix(p, "/"):
			return fmt.Errorf("%s[%d]: must be absolute, is %q", key, i, p)
		case len(p) > maxPathLength:
			return fmt.Errorf("%s[%d]: must have at most %d bytes, has %d", key, i, maxPathLength, len(p))
		case strings.ContainsAny(stem, "*\x00"):
			return fmt.Errorf("%s[%d]: may have a star at its end only, is %q", key, i, p)
		case path.Clean(stem) != strings.TrimSuffix(stem, "/") && stem != "/":
			return fmt.Errorf("%s[%d]: must not have empty components, . or .., is %q: write %q", key, i, p, path.Clean(stem))
		}
	}
	return nil
}

// pathRule is one prefix as the kernel has it: a final slash ends a folder, a
// final zero the whole path.
type pathRule struct {
	prefix string
	wanted bool
}

func (c *FileConfig) rules() []pathRule {
	var rules []pathRule
	for _, set := range []struct {
		paths  []string
		wanted bool
	}{{c.Paths, true}, {c.ExcludePaths, false}} {
		for _, p := range set.paths {
			stem, open := strings.CutSuffix(p, "*")
			if open {
				rules = append(rules, pathRule{stem, set.wanted})
				continue
			}
			stem = strings.TrimSuffix(stem, "/")
			rules = append(rules, pathRule{stem + "/", set.wanted}, pathRule{stem + "\x00", set.wanted})
		}
	}
	return rules
}

// wants compares as the kernel does.
func wants(rules []pathRule, file string) bool {
	best, wanted := -1, false
	for _, r := range rules {
		// Of the same path in both lists the later one, that leaves out, counts.
		if len(r.prefix) >= best && strings.HasPrefix(file+"\x00", r.prefix) {
			best, wanted = len(r.prefix), r.wanted
		}
	}
	return wanted
}
