// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package evaluate shows simulated systems to the built collector in event time,
// reads its incidents back over the API, and scores them against what was wrong.
package evaluate
