//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import "go.opentelemetry.io/collector/pdata/plog"

// Each event has a severity, and says it in the words of OpenTelemetry's short
// names: what happens all the time is information, what may be a fault a warning,
// what is one an error.
func informs(event plog.LogRecord) { setSeverity(event, plog.SeverityNumberInfo, "INFO") }
func warns(event plog.LogRecord)   { setSeverity(event, plog.SeverityNumberWarn, "WARN") }
func fails(event plog.LogRecord)   { setSeverity(event, plog.SeverityNumberError, "ERROR") }

func setSeverity(event plog.LogRecord, number plog.SeverityNumber, text string) {
	event.SetSeverityNumber(number)
	event.SetSeverityText(text)
}
