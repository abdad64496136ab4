// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate mdatagen metadata.yaml

// Package ingestcontrolprocessor labels the records of a source, and decides by
// conditions, sampling and a maximum per second which of them go on.
package ingestcontrolprocessor // import "github.com/tapio/tapio/processor/ingestcontrolprocessor"
