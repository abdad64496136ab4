// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

// The scopes of telemetry that Tapio derives from other telemetry that it has seen already.
const (
	// RecordMetricsScope is that of the counts of log records and spans.
	RecordMetricsScope = "tapio.recordmetrics"
	// RulesScope is that of what rules record, and of alerts.
	RulesScope = "tapio.rules"
)

// NodeSummarySource is the value of tapio.source of what a node sends to a gateway in place
// of its spans: counts and durations of the requests of its services, and of their calls.
const NodeSummarySource = "node_summary"
