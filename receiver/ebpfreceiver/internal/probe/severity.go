//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"go.opentelemetry.io/collector/pdata/plog"
	"golang.org/x/sys/unix"
)

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

// setExitSeverity: a process that a fault of its own or the OOM killer ended has
// failed, one that was killed outright may have; SIGTERM and its kind ask it to end.
func setExitSeverity(event plog.LogRecord, signal int32, oomKilled bool) {
	switch killed := unix.Signal(signal) == unix.SIGKILL; {
	case isFault(signal), killed && oomKilled:
		fails(event)
	case killed:
		warns(event)
	default:
		informs(event)
	}
}

// isFault reports whether the signal is one that a program gets for what it did
// itself.
func isFault(signal int32) bool {
	switch unix.Signal(signal) {
	case unix.SIGSEGV, unix.SIGABRT, unix.SIGBUS, unix.SIGILL, unix.SIGFPE, unix.SIGSYS, unix.SIGTRAP, unix.SIGXCPU, unix.SIGXFSZ:
		return true
	}
	return false
}
