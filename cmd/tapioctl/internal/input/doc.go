// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package input reads telemetry as streams of batches, from a server or from a file.
package input
