// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package get holds the commands that print stored telemetry and findings.
package get
