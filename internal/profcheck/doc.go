// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package profcheck is empty, see go.mod.
package profcheck
