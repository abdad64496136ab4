// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// app is what the commands have of the world outside; tests give another.
type app struct {
	// out is flushed after each piece of a live stream and at the end.
	out    *output
	errOut io.Writer
	in     io.Reader

	environ func(name string) string
	now     func() time.Time
	zone    *time.Location
	sleep   func(ctx context.Context, d time.Duration) error
	// errIsTerminal: whether errOut is a terminal, which gets a progress line then.
	errIsTerminal bool

	// dialOptions come after those made from the flags.
	dialOptions []grpc.DialOption

	flags globalFlags
}

// clients are the services that the commands ask.
type clients struct {
	tapio         tapiov1.TapioServiceClient
	observability tapiov1.ObservabilityServiceClient
	collectors    tapiov1.CollectorServiceClient
	operations    tapiov1.OperationsServiceClient
}

// run executes one command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := newRootCommand(a)
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(a.errOut)
	err := root.ExecuteContext(ctx)
	if flushErr := a.out.Flush(); err == nil && flushErr != nil {
		err = writeError(flushErr)
	}
	if err == nil {
		return exitOK
	}
	failure := a.explain(err)
	a.note("%s", failure.message)
	return failure.code
}

// write puts text into the output. The buffer keeps its first error, and run
// reports it at the end.
func (a *app) write(text string) { _, _ = a.out.WriteString(text) }

// note writes one line for the person, apart from the data on stdout.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.errOut, "tapioctl: "+format+"\n", args...)
}

// noteIfNone tells the person that there was nothing to print, which an empty
// output alone leaves open.
func (a *app) noteIfNone(count int, what string) {
	if count == 0 {
		a.note("no %s found", what)
	}
}

// command is the body of a command that asks the server.
type command func(ctx context.Context, c clients, args []string) error

// connected makes a cobra body of a command: it connects first and hangs up at
// the end.
func (a *app) connected(body command) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		conn, err := a.dial()
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }() // the answer is complete; nobody is left to tell
		c := clients{
			tapio:         tapiov1.NewTapioServiceClient(conn),
			observability: tapiov1.NewObservabilityServiceClient(conn),
			collectors:    tapiov1.NewCollectorServiceClient(conn),
			operations:    tapiov1.NewOperationsServiceClient(conn),
		}
		return body(cmd.Context(), c, args)
	}
}

// call makes one unary call within --timeout.
func call[Request, Response any](
	ctx context.Context, a *app,
	method func(context.Context, Request, ...grpc.CallOption) (Response, error), request Request,
) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, a.flags.timeout)
	defer cancel()
	return method(ctx, request)
}
