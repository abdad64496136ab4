// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
)

// RunProcess runs the command line of this process and ends it with the exit code.
func RunProcess(version string) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks the command to end; with the handler gone, a second
	// one kills a command that does not.
	context.AfterFunc(ctx, stop)
	var errOut io.Writer = os.Stderr
	if isTerminal(os.Stderr) {
		errOut = render.TerminalWriter{To: os.Stderr}
	}
	a := &app.App{
		Out:     render.NewOutput(os.Stdout, errOut, isTerminal(os.Stdout), time.Now),
		In:      os.Stdin,
		Version: version,
		Environ: os.Getenv,
		Sleep:   sleep,

		ErrIsTerminal: isTerminal(os.Stderr),
	}
	if isPlugin(os.Args[0]) {
		os.Exit(runPlugin(ctx, a, os.Args[1:]))
	}
	os.Exit(runCommand(ctx, a, os.Args[1:]))
}

// isTerminal takes every character device for a terminal: colors sent to
// /dev/null are harmless, and this needs no system call of one platform.
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
