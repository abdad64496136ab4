// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package demo runs a small shop whose faults Tapio is to find: eight services
// with the OpenTelemetry SDK, and a database, a cache, a queue, a bank and a load
// generator without it.
//
// Each is a process of its own, a copy of the running program with the arguments
// that [Options.Child] gives, so that the kernel sees them apart. A process reads
// its settings and then commands from its standard input, and ends when that is
// closed: none outlives the command that started it.
package demo
