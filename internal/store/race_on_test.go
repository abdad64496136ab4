//go:build race

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

// underRace: the detector makes everything slower and larger.
const underRace = true
