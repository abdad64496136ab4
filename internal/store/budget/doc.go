// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package budget bounds the memory of queries, and keeps the best rows of one within
// a bound.
package budget
