// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build race

package profilerules

// underRace: the race detector is on. Its functions in C are in most samples, without the
// Go functions that call them.
const underRace = true
