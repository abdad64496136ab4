//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/http1"
)

func TestExportsOfTelemetryAreNoTraffic(t *testing.T) {
	for _, c := range []struct {
		method, target, agent string
		port                  uint16
		want                  bool
	}{
		{"POST", "/v1/traces", "", 4318, true},
		{"POST", "/v1/metrics", "OTel-OTLP-Exporter-Python/1.30.0", 443, true},
		{"POST", "/otlp/v1/logs", "OTLP-Exporter-Java", 8080, true},
		{"POST", "/v1development/profiles", "opentelemetry-collector", 80, true},
		{"POST", "/v1/traces", "curl/8", 8080, false},
		{"GET", "/v1/traces", "", 4318, false},
		{"POST", "/v1/orders", "OTel-OTLP-Exporter-Python/1.30.0", 4318, false},
	} {
		assert.Equal(t, c.want, exportsTelemetry(&http1.Head{Method: c.method, Target: c.target, UserAgent: c.agent}, c.port), "%+v", c)
	}
}
