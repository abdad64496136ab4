// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package stub is a server that answers the few requests of Elasticsearch which the exporter
// and the backend send, from documents that it holds in memory. It evaluates the queries and
// aggregations that the backend uses as the documentation of Elasticsearch 8.19 describes
// them, and refuses everything else.
//
// Each search and each answer must be valid by the types of the official client, which Elastic
// generates from the specification of the API: what these types do not have is refused.
package stub
