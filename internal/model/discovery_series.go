// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

// SeriesQuery selects series of metrics.
type SeriesQuery struct {
	Names  []string // exact, or a prefix with a trailing *
	Filter Filter   // with a time range, series with a point in it
	// Limit is the most series; more are an *ExhaustedError. 0: no bound but memory.
	Limit int
}
