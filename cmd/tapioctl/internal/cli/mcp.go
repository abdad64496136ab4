// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/dial"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
)

// defaultHTTPPort is that of the server's JSON API.
const defaultHTTPPort = "4418"

func newMCPCommand(a *app.App) *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use:   "mcp",
		Short: "Connect an AI agent: bridge standard input and output to the server's Model Context Protocol",
		Long: `Bridge standard input and output to the Model Context Protocol server of Tapio, for
agents that start a program. It runs until the agent closes its input.

The address is that of --server with the port ` + defaultHTTPPort + `; --http-server names another one.`,
		Example: `  tapioctl mcp --server tapio.example.com:4417 --tls
  tapioctl mcp --http-server localhost:4418`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if address == "" {
				address = a.Environ("TAPIO_HTTP_SERVER")
			}
			if address == "" && a.Tunnel != nil {
				var err error
				if address, err = a.Tunnel.Open(cmd.Context(), defaultHTTPPort); err != nil {
					return err
				}
			}
			endpoint, err := mcpEndpoint(&a.Flags, address)
			if err != nil {
				return err
			}
			return bridge(cmd.Context(), a, endpoint)
		},
	}
	cmd.Flags().StringVar(&address, "http-server", "", "address of the server's JSON API as host:port (env TAPIO_HTTP_SERVER)")
	return cmd
}

// mcpEndpoint is where the server speaks the protocol.
func mcpEndpoint(f *dial.Flags, address string) (string, error) {
	if strings.Contains(address, "://") {
		return "", exitcode.UsageErrorf("--http-server %s: give host:port without a scheme; --tls turns encryption on", address)
	}
	if address == "" {
		host, _, err := net.SplitHostPort(f.Server)
		if err != nil || strings.Contains(f.Server, "/") {
			return "", exitcode.UsageErrorf("--server %s: is not host:port: name the JSON API with --http-server host:port", f.Server)
		}
		address = net.JoinHostPort(host, defaultHTTPPort)
	}
	scheme := "http://"
	if f.WantsTLS() {
		scheme = "https://"
	}
	return scheme + address + "/mcp", nil
}

// remoteMCP is the server. It connects again after the connection is lost.
type remoteMCP struct {
	client    *mcp.Client
	transport func() mcp.Transport

	mu      sync.Mutex
	session *mcp.ClientSession // nil: not connected
}

// connect returns the session.
func (r *remoteMCP) connect(ctx context.Context) (*mcp.ClientSession, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.session != nil {
		return r.session, nil
	}
	session, err := r.client.Connect(ctx, r.transport(), nil)
	if err != nil {
		return nil, err
	}
	r.session = session
	return session, nil
}

// drop closes a session that was lost.
func (r *remoteMCP) drop(session *mcp.ClientSession) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if session != nil && r.session == session {
		_ = session.Close() // it is lost already
		r.session = nil
	}
}

// relayMCP makes a call at the server, again where the connection was lost before.
func relayMCP[Result any](ctx context.Context, r *remoteMCP, call func(*mcp.ClientSession) (Result, error)) (result Result, err error) {
	for range 2 {
		var session *mcp.ClientSession
		if session, err = r.connect(ctx); err != nil {
			continue
		}
		if result, err = call(session); err == nil || !errors.Is(err, mcp.ErrConnectionClosed) {
			return result, err
		}
		r.drop(session)
	}
	return result, err
}

// bridge serves on standard input and output what the server offers.
func bridge(ctx context.Context, a *app.App, endpoint string) error {
	transport, err := mcpTransport(a)
	if err != nil {
		return err
	}
	remote := &remoteMCP{
		client: mcp.NewClient(&mcp.Implementation{Name: "tapioctl", Version: ownVersion(a.Version)}, nil),
		transport: func() mcp.Transport {
			return &mcp.StreamableClientTransport{
				Endpoint: endpoint, HTTPClient: &http.Client{Transport: transport}, DisableStandaloneSSE: true, MaxRetries: -1,
			}
		},
	}
	session, err := remote.connect(ctx)
	if err != nil {
		return &exitcode.Error{Code: exitcode.Unreachable, Message: fmt.Sprintf("no Model Context Protocol server at %s: %v: check --http-server, --tls and --token", endpoint, err)}
	}
	defer func() { remote.drop(remote.session) }()
	info := session.InitializeResult()
	server := mcp.NewServer(info.ServerInfo, &mcp.ServerOptions{Instructions: info.Instructions})
	if err := offer(ctx, server, session, remote); err != nil {
		return &exitcode.Error{Code: exitcode.Refused, Message: fmt.Sprintf("the server at %s failed: %v", endpoint, err)}
	}
	err = server.Run(ctx, &mcp.IOTransport{Reader: io.NopCloser(a.In), Writer: flushingWriter{a.Out}})
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) && !errors.Is(err, mcp.ErrConnectionClosed) {
		return &exitcode.Error{Code: exitcode.Refused, Message: "the agent's input: " + err.Error()}
	}
	return nil
}

// mcpTransport sends what the flags set for encryption and of who asks.
func mcpTransport(a *app.App) (http.RoundTripper, error) {
	config, err := a.Flags.TLSConfig()
	if err != nil {
		return nil, err
	}
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.TLSClientConfig = config
	header := a.Flags.Authorization()
	if header != "" {
		a.Flags.WarnOfOpenToken(a.Out)
	}
	return authorizedTransport{base, header, "tapioctl/" + a.Version}, nil
}

// authorizedTransport adds the header that reports who asks.
type authorizedTransport struct {
	next   http.RoundTripper
	header string
	agent  string
}

func (t authorizedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", t.agent)
	if t.header != "" {
		r.Header.Set("Authorization", t.header)
	}
	return t.next.RoundTrip(r)
}

// flushingWriter writes messages as they come.
type flushingWriter struct{ out *render.Output }

func (w flushingWriter) Write(p []byte) (int, error) {
	n, err := w.out.Writer.Write(p)
	if err != nil {
		return n, err
	}
	return n, w.out.Flush()
}

func (flushingWriter) Close() error { return nil }
