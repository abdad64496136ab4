// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package correlate finds incidents in telemetry, and their root causes. It is pure: it reads no
// clock, starts no goroutine and knows neither pdata nor proto. Its time is the event time of the
// records; with Flush the caller reports up to which time they are complete.
//
// # From records to findings
//
// The Observe methods update baselines only. What they show is held by bucket.Time (up to which time
// the records are complete), assembly (incomplete traces), graph (the service graph), logbook (log
// lines), kernelEvents, requests (how requests end), measures (series of metrics) and a hotspot.Book
// (profiles). Flush does the rest, once per bucket:
//
//  1. learner (execution.go) takes the traces that are complete into the service graph (service.go).
//  2. detect (detect.go) compares the recent buckets with the baselines, and returns anomalies
//     (sign.go): runDetector those of executions and calls, logDetector those of log lines and kernel
//     events, seriesDetector those of metrics. Packages detect, failure, kernelrule and redmetric hold
//     rules that need no graph.
//  3. ranker (suspect.go) groups the anomalies by service, into candidates for the root cause, and
//     scores them: what a deviating callee explains counts less.
//  4. divider (incident.go) divides the candidates into sets that one cause explains.
//  5. admission (group.go) adds each set to an open group of the incidentBook, reopens one, or opens a
//     new one. home.go and split.go decide which, and whether one group is two.
//  6. lifecycle (lifecycle.go) moves each group from open to resolved, by the requests it affects
//     (outcome.go, victim.go); spread finds the other services that it affects (upstream.go, impact.go).
//  7. describer (describe.go) returns the groups that changed as findings. The sentences are written in
//     package report, from typed facts (fact.go).
//
// All of these query the topology (place.go) for the services that call each other and the places where
// they run, and some query hosts for CPU and memory (kernelcount.go). None knows the Engine, and each knows only the parts that it needs;
// Engine.observers and Engine.judges connect them.
//
// # Packages below, in import order
//
//   - bound, hash, lru: bounded texts, ids, and tables of bounded length
//   - baseline: the ordinary values of a quantity, and when and how strongly it changed
//   - bucket: time in buckets
//   - origin: where a record comes from; logtemplate: the templates of log lines
//   - failure, kernelrule, redmetric, linerun, sampled, hotspot: rules for one sort of record each
//   - detect: detectors that need no graph
//   - report: the sentences
//
// # Names
//
// Some names in the code are shorter than the terms of the documentation:
//
//   - slot: bucket (package bucket), half of Config.Window (5 s by default), the unit in which everything is counted
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
