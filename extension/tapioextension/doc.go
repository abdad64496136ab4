// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate mdatagen metadata.yaml

// Package tapioextension owns the in-memory store and serves it over gRPC and,
// as JSON, over HTTP. The tapio exporter fills the store; the tapio receiver
// takes what clients write here into the pipeline.
package tapioextension // import "github.com/tapio/tapio/extension/tapioextension"
