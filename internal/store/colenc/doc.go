// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package colenc encodes columns: packed bytes, bits, values, tables of values and of
// ids.
package colenc
