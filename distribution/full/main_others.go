// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Code generated from distribution/main_others.go.tmpl by `make generate-distribution`. DO NOT EDIT.

//go:build !windows

package main

import (
	"go.opentelemetry.io/collector/otelcol"

	"github.com/tapio/tapio/collector"
)

// run is in place of what ocb writes, which ends the process when a reload fails.
func run(params otelcol.CollectorSettings) error { return collector.Run(params) }
