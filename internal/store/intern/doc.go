// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package intern keeps one copy of what rows of a chunk share.
package intern
