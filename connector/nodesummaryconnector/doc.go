// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate mdatagen metadata.yaml

// Package nodesummaryconnector makes what a node sends to a gateway in place of its records:
// metrics of the requests that its services answer and make, and findings.
package nodesummaryconnector // import "github.com/tapio/tapio/connector/nodesummaryconnector"
