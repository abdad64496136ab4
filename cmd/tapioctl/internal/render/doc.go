// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package render prints telemetry and findings: text, tables, JSON and YAML, in
// color where the output is a terminal.
package render
