// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package emit makes log records, spans and metric points of what the probes observe.
package emit
