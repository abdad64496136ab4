// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package collector

// version, commit and date describe the source of the build; the Makefile sets them with
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
	day := date
	if len(day) > len("2006-01-02") {
		day = day[:len("2006-01-02")]
	}
	return version + "+" + onlyDigits(day) + "." + commit
}

// onlyDigits makes 20061102 of 2006-11-02: build metadata of a semantic version has no
// dashes in packages of rpm.
func onlyDigits(day string) string {
	var digits []byte
	for i := range len(day) {
		if day[i] >= '0' && day[i] <= '9' {
			digits = append(digits, day[i])
		}
	}
	return string(digits)
}
