// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package profilerules

const underRace = false
