// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command tapioctl asks a Tapio server about the telemetry that it holds and
// follows it live. It speaks the public contract in proto/tapio/v1, and
// replays what it printed with the server's own filter.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// version is set by -ldflags "-X main.version=…"; it is never written else.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks the command to end; with the handler gone, a second
	// one kills a command that does not.
	context.AfterFunc(ctx, stop)
	var errOut io.Writer = os.Stderr
	if isTerminal(os.Stderr) {
		errOut = terminalWriter{os.Stderr}
	}
	a := &app{
		out:     newOutput(os.Stdout, isTerminal(os.Stdout)),
		errOut:  errOut,
		in:      os.Stdin,
		environ: os.Getenv,
		now:     time.Now,
		sleep:   sleep,

		errIsTerminal: isTerminal(os.Stderr),
	}
	os.Exit(a.run(ctx, os.Args[1:]))
}

// isTerminal takes every character device for a terminal: colors sent to
// /dev/null harm nobody, and this needs no system call of one platform.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
