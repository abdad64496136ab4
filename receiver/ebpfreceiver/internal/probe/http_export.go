//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"strings"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/http1"
)

// otlpPort is where collectors take OTLP over HTTP.
const otlpPort = 4318

// exportsTelemetry reports whether a client sends telemetry by OTLP: that is no traffic
// of the application, whose traces it would be part of. A path alone might be the
// application's own.
func exportsTelemetry(request *http1.Head, port uint16) bool {
	if request.Method != "POST" {
		return false
	}
	path := pathOf(request.Target)
	signal := false
	for _, known := range []string{"/v1/traces", "/v1/metrics", "/v1/logs", "/v1development/profiles"} {
		signal = signal || strings.HasSuffix(path, known)
	}
	agent := strings.ToLower(request.UserAgent)
	return signal && (port == otlpPort || strings.Contains(agent, "otlp") || strings.Contains(agent, "otel") || strings.Contains(agent, "opentelemetry"))
}
