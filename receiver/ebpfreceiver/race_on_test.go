// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build race

package ebpfreceiver

// underRace says that the race detector runs, which takes memory of its own.
const underRace = true
