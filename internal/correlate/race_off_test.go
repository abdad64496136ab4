// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package correlate

// underRace: the race detector is on, whose own memory is on no account.
const underRace = false
