// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package correlate finds incidents in telemetry, and their root causes. It is pure: it reads no
// clock, starts no goroutine and knows neither pdata nor proto. Its time is the event time of the
// records; with Flush the caller reports up to which time they are complete.
//
// # From records to findings
//
// The Observe methods update baselines only. Flush does the rest, once per bucket:
//
//  1. learn (execution.go) takes the traces that are complete into the service graph (service.go).
//  2. detect (detect.go) compares the recent buckets with the baselines, and returns anomalies
//     (sign.go). Packages baseline, detect, failure, kernelrule and redmetric hold the statistics
//     and rules that need no graph.
//  3. suspects (suspect.go) groups the anomalies by service, into candidates for the root cause,
//     and scores them: what a deviating callee explains counts less.
//  4. incidents (incident.go) divides the candidates into sets that one cause explains.
//  5. admit (group.go) adds each set to an open group, reopens one, or opens a new one. home.go and
//     split.go decide which, and whether one group is two.
//  6. live (lifecycle.go) moves each group from open to resolved, by the requests it affects
//     (outcome.go, victim.go, impact.go).
//  7. report and describe (describe.go) return the groups that changed as findings. The sentences
//     are written in package report, from typed facts (fact.go).
//
// # Names
//
// Some names in the code are shorter than the terms of the documentation:
//
//   - slot: bucket, half of Config.Window (5 s by default), the unit in which everything is counted
//   - sign: anomaly, a deviation of one measure of one service from its baseline
//   - suspect, ranked: candidate for the root cause, of one bucket and of a group
//   - asker, door: caller of an operation, and the operation by which its call enters the service
//   - feature, step: a log line, call or failure that some executions of an operation have
//   - way, gap: the network between two services, and the time that calls spend there
//   - dependency: calls of a service that sends no spans, such as a database
//   - strength: twice a log-likelihood ratio; by chance alone it follows the chi-squared
//     distribution with one degree of freedom
//   - usual, past: baseline
//   - victim, hit: a service or request that is affected
//   - place: a node or zone; also a place in the source code, and an index in a list
//
// docs/explanation/correlation.md explains the method, and each constant with its reason.
//
// # Use
//
// An Engine is not safe for concurrent use. The caller may reuse observed records after the call,
// with one exception that keeps the common path cheap: a Resource, Scope, Series or Metric that is
// reached by pointer must not change as long as it is reachable, which package model requires
// anyway.
package correlate
