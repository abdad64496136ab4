// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// startGrace is how long a start may take to complete after a signal to end.
const startGrace = 5 * time.Second

// The exit code of a process that a signal ended is this and the number of the signal.
const exitOfSignals = 128

// exit ends the process, whose start cannot be interrupted.
func exit(s os.Signal) {
	fmt.Fprintf(os.Stderr, "exiting before the start is complete: received signal %s\n", s)
	code := exitOfSignals
	if number, ok := s.(syscall.Signal); ok {
		code += int(number)
	}
	os.Exit(code)
}

// endStart waits for signals to end while the collector starts. Nothing interrupts a
// start: upstream subscribes to signals after it. A signal is kept in ends, and enter
// ends the collector in order once the start is complete. Where that takes too long, or
// a second signal comes, the process exits at once.
func (r *running) endStart(signals chan os.Signal, done <-chan struct{}) {
	defer signal.Stop(signals)
	var received os.Signal
	select {
	case received = <-signals:
	case <-r.up:
		return
	case <-done:
		return
	}
	r.logger.Info("received a signal during the start, ending when it is complete",
		zap.String("signal", received.String()), zap.Duration("grace", r.grace))
	timer := time.NewTimer(r.grace)
	defer timer.Stop()
	select {
	case <-signals:
	case <-timer.C:
	case <-r.up:
		return
	case <-done:
		return
	}
	r.exit(received)
}
