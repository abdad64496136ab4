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

// FileConfig says of which files to tell what is done to them.
type FileConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// Paths are files, folders with all below them, or, with a star at the end,
	// beginnings of paths. Without any the probe is off.
	Paths []string `mapstructure:"paths"`
	// ExcludePaths are left out again. Of several that fit the longest counts.
	ExcludePaths []string `mapstructure:"exclude_paths"`
	// Opens, Writes, Unlinks and Renames each switch off one kind of event.
	Opens   bool `mapstructure:"opens"`
	Writes  bool `mapstructure:"writes"`
	Unlinks bool `mapstructure:"unlinks"`
	Renames bool `mapstructure:"renames"`
	// Reads tells of files that are opened for reading too.
	Reads bool `mapstructure:"reads"`
	// WriteInterval is how often the writes to a file that stays open are told;
	// else they are when it is closed.
	WriteInterval time.Duration `mapstructure:"write_interval"`
}

// The bounds of the paths: bpf/file.h's prefixes, of which each path takes two.
const (
	maxPaths      = 128
	maxPathLength = 250
)

// DefaultFileConfig tells everything of the files, and names none.
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
