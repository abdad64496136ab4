// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate mdatagen metadata.yaml

// Package tapioexporter writes what a pipeline brings into the store of the
// tapio extension. It is synchronous: when it returns, the data is stored and
// can be queried.
package tapioexporter // import "github.com/tapio/tapio/exporter/tapioexporter"
