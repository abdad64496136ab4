// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate mdatagen metadata.yaml

// Package tapioextension owns the store and all servers. The tapio exporter fills the store; the
// tapio receiver passes what clients write here into the pipelines; this extension answers queries
// over gRPC and, as JSON, over HTTP.
//
// # Files
//
//   - config*.go, factory.go, api_options.go: configuration, one file for each section
//   - extension.go, servers.go, middleware.go, decoders.go, query_apis.go: start and shutdown, the
//     listeners, and the handlers behind them
//   - keeper.go, trial.go, process_end.go: a reload of the configuration, which keeps the store, and
//     the end of the process
//   - tiers.go, members.go, elasticsearch.go: queries that other backends and servers answer
//   - returnpath.go, pipelines.go: what the extension produces, on its way into the pipelines
//   - rules.go, slos.go, engines.go, notifications.go, prometheus.go: what is evaluated or watched, and
//     who is notified
//   - memory.go, cgroup.go, threads.go, retire.go: memory and processors of the process
//   - health.go, telemetry*.go, panics.go: health, own metrics, and recovered panics
//
// Each folder of internal/ does one job; CONTRIBUTING.md lists them in import order. api has one
// type for each gRPC service.
package tapioextension // import "github.com/tapio/tapio/extension/tapioextension"
