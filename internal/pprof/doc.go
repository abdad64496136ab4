// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package pprof reads and writes profiles in the formats of other tools: pprof, folded
// stacks, and speedscope's JSON.
package pprof
