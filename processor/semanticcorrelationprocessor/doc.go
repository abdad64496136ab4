// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate mdatagen metadata.yaml

// Package semanticcorrelationprocessor is the shell round the correlation
// engine: it shows the engine every record that passes, passes the record on at
// once, and sends what the engine finds out through the logs pipeline.
package semanticcorrelationprocessor // import "github.com/tapio/tapio/processor/semanticcorrelationprocessor"
