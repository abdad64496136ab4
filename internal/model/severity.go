// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "strings"

// Severity is a class of log severities.
type Severity uint8

// Severity classes; each but the first spans four OTLP severity numbers.
const (
	SeverityUnspecified Severity = iota
	SeverityTrace
	SeverityDebug
	SeverityInfo
	SeverityWarn
	SeverityError
	SeverityFatal
)

// Severity returns the class of the event's severity number or, where it has none,
// that of its severity text.
func (e *Event) Severity() Severity {
	switch n := e.SeverityNumber; {
	case n <= 0:
		return SeverityOfText(e.SeverityText)
	case n > 24:
		return SeverityFatal
	default:
		return Severity((n-1)/4 + 1)
	}
}

// maxSeverityText is the longest text that names a class.
const maxSeverityText = len("informational")

// SeverityOfText returns the class that a text names, in either case: the names of
// OpenTelemetry, syslog, and the logging libraries of most languages, their usual
// abbreviations, and what follows a name as in error2. SeverityUnspecified for any
// other text.
func SeverityOfText(text string) Severity {
	if text == "" || len(text) > maxSeverityText+1 {
		return SeverityUnspecified
	}
	switch strings.ToLower(strings.TrimRight(text, "0123456789")) {
	case "trace", "trc", "t", "verbose", "finest", "finer":
		return SeverityTrace
	case "debug", "dbg", "d", "fine", "config":
		return SeverityDebug
	case "info", "inf", "i", "information", "informational", "notice", "log":
		return SeverityInfo
	case "warn", "warning", "wrn", "w":
		return SeverityWarn
	case "error", "err", "e", "severe", "failure":
		return SeverityError
	case "fatal", "ftl", "f", "critical", "crit", "c", "alert", "emerg", "emergency", "panic", "dpanic":
		return SeverityFatal
	default:
		return SeverityUnspecified
	}
}
