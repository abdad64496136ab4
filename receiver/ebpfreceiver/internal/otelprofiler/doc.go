// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package otelprofiler runs OpenTelemetry's eBPF profiler: it samples all CPUs, unwinds
// without frame pointers, and names functions of Go, Python, Node.js, Java, Ruby, PHP,
// .NET, Perl and the kernel.
//
// The profiler runs in a process of its own, the same program with the argument Command.
// A fault of it, or what it takes in memory for a very large library, ends that process and
// not the collector, and its end leaves nothing behind in the kernel or here
// (docs/adr/0116-profiler-in-a-process.md). Samples come over a pipe before the profiler makes
// OTLP of them, so that they get the identity, the symbols and the bounds of this
// receiver's own ones.
package otelprofiler
