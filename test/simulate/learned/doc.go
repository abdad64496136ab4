// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package learned detects anomalies in simulated systems with models that learn
// from measures alone: an isolation forest, a matrix profile, and as the simplest
// one the distance from the median of the last hours. It exists to compare them
// with the engine on the same records (docs/adr/0114).
//
// All models see the same: of each service, and of each address that services call,
// the rate, the share of failures, and the median and 95th percentile of durations in
// buckets of ten seconds. What they find becomes incidents, and the service at fault,
// by one rule for all of them (incident.go).
package learned
