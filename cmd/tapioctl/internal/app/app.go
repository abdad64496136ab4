// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/tapio/tapio/cmd/tapioctl/internal/dial"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// App is what the commands have of the world outside; tests give another.
type App struct {
	Out *render.Output
	In  io.Reader

	// Version is that of the build, "dev" without one.
	Version string
	Environ func(name string) string
	Sleep   func(ctx context.Context, d time.Duration) error
	// ErrIsTerminal: whether ErrOut is a terminal, which gets a progress line then.
	ErrIsTerminal bool

	// Tunnel leads to a server in a cluster; nil: the flags have an address.
	Tunnel Tunnel

	// DialOptions come after those made from the flags.
	DialOptions []grpc.DialOption

	Flags dial.Flags
}

// Tunnel connects to a server that has no address here.
type Tunnel interface {
	// Find returns a name of the server for people, and the host name that its certificate must carry.
	Find(ctx context.Context) (name, host string, err error)
	// Open returns a local address that leads to a port of the server.
	Open(ctx context.Context, port string) (address string, err error)
}

// Clients are the services that the commands ask.
type Clients struct {
	Tapio         tapiov1.TapioServiceClient
	Observability tapiov1.ObservabilityServiceClient
	Collectors    tapiov1.CollectorServiceClient
	Operations    tapiov1.OperationsServiceClient
}

// Command is the body of a command that asks the server.
type Command func(ctx context.Context, c Clients, args []string) error

// Connected makes a cobra body of a command: it connects first and hangs up at
// the end.
func (a *App) Connected(body Command) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		options, err := a.tunnelled(cmd.Context())
		if err != nil {
			return err
		}
		conn, err := a.Flags.Dial(a.Out, a.Version, append(options, a.DialOptions...)...)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }() // the answer is complete
		c := Clients{
			Tapio:         tapiov1.NewTapioServiceClient(conn),
			Observability: tapiov1.NewObservabilityServiceClient(conn),
			Collectors:    tapiov1.NewCollectorServiceClient(conn),
			Operations:    tapiov1.NewOperationsServiceClient(conn),
		}
		return body(cmd.Context(), c, args)
	}
}

// apiPort is that of the gRPC API in a pod.
const apiPort = "4417"

// tunnelled makes the tunnel lead to the API, and dial through it; without a tunnel it does nothing.
func (a *App) tunnelled(ctx context.Context) ([]grpc.DialOption, error) {
	if a.Tunnel == nil {
		return nil, nil
	}
	within, cancel := context.WithTimeout(ctx, a.Flags.Timeout)
	defer cancel()
	name, host, err := a.Tunnel.Find(within)
	if err != nil {
		return nil, err
	}
	if _, err := a.Tunnel.Open(within, apiPort); err != nil {
		return nil, err
	}
	a.Flags.Server, a.Flags.Target = name, "passthrough:///"+host
	return []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		address, err := a.Tunnel.Open(ctx, apiPort)
		if err != nil {
			return nil, err
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", address)
	})}, nil
}

// Call makes one unary call within --timeout.
func Call[Request, Response any](
	ctx context.Context, a *App,
	method func(context.Context, Request, ...grpc.CallOption) (Response, error), request Request,
) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, a.Flags.Timeout)
	defer cancel()
	return method(ctx, request)
}

// QuietOnInterrupt makes the end of a command that the user interrupts no error.
func QuietOnInterrupt(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
