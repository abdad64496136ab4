//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"go.opentelemetry.io/collector/pdata/plog"
	"golang.org/x/sys/unix"
)

// informs sets the severity of what happens all the time.
func informs(event plog.LogRecord) { setSeverity(event, plog.SeverityNumberInfo, "INFO") }

// Warns sets the severity of what may be a fault.
func Warns(event plog.LogRecord) { setSeverity(event, plog.SeverityNumberWarn, "WARN") }

// Fails sets the severity of a fault.
func Fails(event plog.LogRecord) { setSeverity(event, plog.SeverityNumberError, "ERROR") }

func setSeverity(event plog.LogRecord, number plog.SeverityNumber, text string) {
	event.SetSeverityNumber(number)
	event.SetSeverityText(text)
}

// SetExitSeverity sets the severity of the end of a process: a process that a fault of its own or the OOM killer ended has
// failed, one that was killed outright may have; SIGTERM and similar signals request an end.
func SetExitSeverity(event plog.LogRecord, signal int32, oomKilled bool) {
	switch killed := unix.Signal(signal) == unix.SIGKILL; {
	case IsFault(signal), killed && oomKilled:
		Fails(event)
	case killed:
		Warns(event)
	default:
		informs(event)
	}
}

// IsFault reports whether the signal is one that a program gets for what it did
// itself.
func IsFault(signal int32) bool {
	switch unix.Signal(signal) {
	case unix.SIGSEGV, unix.SIGABRT, unix.SIGBUS, unix.SIGILL, unix.SIGFPE, unix.SIGSYS, unix.SIGTRAP, unix.SIGXCPU, unix.SIGXFSZ:
		return true
	default:
		return false
	}
}
