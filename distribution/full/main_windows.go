// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Code generated from distribution/main_windows.go.tmpl by `make generate-distribution`. DO NOT EDIT.

//go:build windows

package main

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/otelcol"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"

	"github.com/tapio/tapio/collector"
)

// run is what ocb writes, with profiles supported.
func run(params otelcol.CollectorSettings) error {
	if err := collector.EnableProfiles(); err != nil {
		return err
	}
	// The Service Control Manager knows the name of the service.
	if err := svc.Run("", otelcol.NewSvcHandler(params)); err != nil {
		if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
			return runInteractive(params) // this process is not a service
		}
		return fmt.Errorf("failed to start collector server: %w", err)
	}
	return nil
}
