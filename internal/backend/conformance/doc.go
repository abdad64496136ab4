// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package conformance holds the tests that every query.Reader must pass. A backend
// calls Run with a Factory that writes OpenTelemetry data into it:
//
//	func TestConformance(t *testing.T) { conformance.Run(t, newBackend) }
//
// Expected rows are selected from the written data by the data model's own match
// functions, one record at a time, so that indexes, pages and merges of a backend
// cannot hide a mistake. It is the only package under internal/backend that knows
// pdata, and only tests import it.
package conformance
