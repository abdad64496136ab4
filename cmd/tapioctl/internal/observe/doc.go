// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package observe holds the commands that show the latest telemetry and follow it
// live.
package observe
