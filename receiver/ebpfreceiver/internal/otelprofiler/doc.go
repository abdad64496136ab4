// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package otelprofiler runs OpenTelemetry's eBPF profiler inside this process: it samples
// all CPUs, unwinds without frame pointers, and names functions of Go, Python, Node.js,
// Java, Ruby, PHP, .NET, Perl and the kernel.
//
// It takes samples from the profiler before that makes OTLP of them, so that they get the
// identity, the symbols and the bounds of this receiver's own ones.
package otelprofiler
