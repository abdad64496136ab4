//go:build !linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

// RunProfiler reports that this process does not run a profiler, which is for Linux only.
func RunProfiler([]string) (isProfiler bool, err error) { return false, nil }
