// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import "github.com/tapio/tapio/receiver/ebpfreceiver/internal/otelprofiler"

// RunProfiler is for the beginning of a program with this receiver, with the arguments of
// its process. The receiver starts the program again for OpenTelemetry's eBPF profiler; in
// that process it runs the profiler, and returns true when that has ended.
func RunProfiler(args []string) (isProfiler bool, err error) { return otelprofiler.Main(args) }
