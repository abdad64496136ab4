// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package running starts and stops built binaries, for tests and programs that
// drive them from outside.
package running

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const startLimit = 60 * time.Second

// Collector is one running bin/tapio.
type Collector struct {
	OTLP, API *grpc.ClientConn
	HTTP      string // address of the API as JSON, "" for none

	process *Process
	folder  string
}

// Start runs a collector whose configuration has an OTLP/gRPC receiver and a
// tapio extension on port 0 and logs as JSON, and waits until it is ready. The
// caller stops it.
func Start(ctx context.Context, binary, config string) (*Collector, error) {
	folder, err := os.MkdirTemp("", "tapio-running-")
	if err != nil {
		return nil, err
	}
	c := &Collector{folder: folder}
	if err := c.launch(ctx, binary, config); err != nil {
		c.Stop()
		return nil, fmt.Errorf("start %s: %w: run `make build` first", binary, err)
	}
	if err := c.connect(ctx, 0); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

func (c *Collector) launch(ctx context.Context, binary, config string) (err error) {
	path := filepath.Join(c.folder, "config.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return err
	}
	c.process, err = Launch(ctx, Command{Args: []string{binary, "--config", path}, Log: filepath.Join(c.folder, "log")})
	return err
}

// Reload makes the collector read its configuration again, and waits until it is ready.
func (c *Collector) Reload(ctx context.Context) error {
	c.hangUp()
	seen := len(c.process.Log())
	if err := c.process.Signal(syscall.SIGHUP); err != nil {
		return err
	}
	return c.connect(ctx, seen)
}

// PID returns the id of the process.
func (c *Collector) PID() int { return c.process.PID() }

// Kill ends the process at once. Stop is still to be called.
func (c *Collector) Kill() { c.process.Kill() }

func (c *Collector) hangUp() {
	for _, conn := range []*grpc.ClientConn{c.OTLP, c.API} {
		if conn != nil {
			_ = conn.Close()
		}
	}
}

// Stop ends the process and removes its folder.
func (c *Collector) Stop() {
	c.hangUp()
	if c.process != nil {
		c.process.Stop()
	}
	_ = os.RemoveAll(c.folder) // a temporary folder
}

// connect waits until the log after its first bytes reports that everything is ready, and dials.
func (c *Collector) connect(ctx context.Context, after int) error {
	found, err := c.process.AwaitReady(ctx, after, startLimit)
	if err != nil {
		return err
	}
	c.HTTP = found.HTTP
	return c.dial(found.OTLPGRPC, found.GRPC)
}

func (c *Collector) dial(otlp, api string) (err error) {
	plain := grpc.WithTransportCredentials(insecure.NewCredentials())
	large := grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64 << 20))
	if c.OTLP, err = grpc.NewClient(otlp, plain); err != nil {
		return err
	}
	c.API, err = grpc.NewClient(api, plain, large)
	return err
}
