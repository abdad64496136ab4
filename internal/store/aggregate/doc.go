// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package aggregate computes windows of metric points: sums, quantiles, histograms.
package aggregate
