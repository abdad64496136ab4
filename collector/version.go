// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package collector

import "strings"

// version, commit and date (as in 2006-01-02) describe the source of the build; the Makefile sets them with
// -ldflags "-X github.com/tapio/tapio/collector.version=…". Nothing writes them later.
var version, commit, date string //nolint:gochecknoglobals // set by the linker only

// versionOf returns the version that the build was given, with its commit and the day of
// the commit if it is no release, else that of the manifest.
func versionOf(manifest string) string {
	if version == "" {
		return manifest
	}
	if commit == "" {
		return version
	}
	if date == "" {
		return version + "+" + commit
	}
	// Without dashes, which versions of rpm packages must not have.
	return version + "+" + strings.ReplaceAll(date, "-", "") + "." + commit
}
