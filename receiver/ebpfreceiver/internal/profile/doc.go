// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package profile samples the stacks of the whole host.
package profile
