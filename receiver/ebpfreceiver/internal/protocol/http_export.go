//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"os"
	"strings"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/http1"
)

// otlpPort is where collectors take OTLP over HTTP.
const otlpPort = 4318

// exports reports whether the request of a client sends telemetry by OTLP: that is no
// traffic of the application, whose traces it would be part of. Of an export to this
// collector the table learns whose it is.
func (c *httpConn) exports(request *http1.Head, out *emit.Batch) bool {
	if !namesSignal(request) {
		return false
	}
	if l := out.Table.Listener(c.ends.RemoteScope()); l != nil && l.Key.PID == uint32(os.Getpid()) {
		out.Table.ExportsFrom(c.ends.LocalScope().At, c.of.Key, out.Now)
		return true
	}
	return exportsTelemetry(request, c.ends.RemotePort)
}

func namesSignal(request *http1.Head) bool {
	if request.Method != "POST" {
		return false
	}
	path := pathOf(request.Target)
	for _, known := range []string{"/v1/traces", "/v1/metrics", "/v1/logs", "/v1development/profiles"} {
		if strings.HasSuffix(path, known) {
			return true
		}
	}
	return false
}

// exportsTelemetry reports whether a request to another collector is an export. A path
// alone might be the application's own.
func exportsTelemetry(request *http1.Head, port uint16) bool {
	agent := strings.ToLower(request.UserAgent)
	return namesSignal(request) && (port == otlpPort || strings.Contains(agent, "otlp") || strings.Contains(agent, "otel") || strings.Contains(agent, "opentelemetry"))
}
