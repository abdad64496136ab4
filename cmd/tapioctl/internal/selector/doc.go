// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package selector holds the flags that select telemetry, and reads their values.
package selector
