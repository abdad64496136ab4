// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package elasticsearchtest runs the tests of the Elasticsearch backend on a stub of the
// server, written to by the real exporter. It is a module of its own, so that the exporter
// does not become a dependency of the product. No server of Elasticsearch or OpenSearch can
// be had in CI, so that none has answered the queries of the backend.
package elasticsearchtest
