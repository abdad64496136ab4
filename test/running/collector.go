// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package running starts the built collector, for programs that drive it from
// outside.
package running

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	startLimit = 60 * time.Second
	stopLimit  = 10 * time.Second
	pollEvery  = 20 * time.Millisecond
)

// Collector is one running bin/tapio.
type Collector struct {
	OTLP, API *grpc.ClientConn
	HTTP      string // address of the API as JSON, "" for none

	cmd    *exec.Cmd
	end    context.CancelFunc
	folder string
	seen   int // bytes of the log that belong to configurations before
}

// Start runs a collector whose configuration has an OTLP/gRPC receiver and a
// tapio extension on port 0 and logs as JSON, and waits until it is ready. The
// caller stops it.
func Start(ctx context.Context, binary, config string) (*Collector, error) {
	folder, err := os.MkdirTemp("", "tapio-running-")
	if err != nil {
		return nil, err
	}
	c := &Collector{folder: folder, end: func() {}}
	if err := c.launch(ctx, binary, config); err != nil {
		c.Stop()
		return nil, fmt.Errorf("start %s: %w: run `make build` first", binary, err)
	}
	if err := c.connect(ctx); err != nil {
		log := c.log()
		c.Stop()
		return nil, fmt.Errorf("%w:\n%s", err, log[max(0, len(log)-4<<10):])
	}
	return c, nil
}

func (c *Collector) launch(ctx context.Context, binary, config string) error {
	path := filepath.Join(c.folder, "config.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return err
	}
	log, err := os.Create(c.logPath())
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own handle
	ctx, c.end = context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, binary, "--config", path)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopLimit
	if err := cmd.Start(); err != nil {
		return err
	}
	c.cmd = cmd
	return nil
}

func (c *Collector) logPath() string { return filepath.Join(c.folder, "log") }

func (c *Collector) log() []byte {
	log, _ := os.ReadFile(c.logPath()) // absent reads as empty
	return log
}

// Reload makes the collector read its configuration again, and waits until it is ready.
func (c *Collector) Reload(ctx context.Context) error {
	c.hangUp()
	c.seen = len(c.log())
	if err := c.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		return err
	}
	return c.connect(ctx)
}

// PID returns the id of the process.
func (c *Collector) PID() int { return c.cmd.Process.Pid }

// Kill ends the process at once. Stop is still to be called.
func (c *Collector) Kill() error { return c.cmd.Process.Kill() }

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
	c.end()
	if c.cmd != nil {
		_ = c.cmd.Wait() // it was asked to end
	}
	_ = os.RemoveAll(c.folder) // a temporary folder
}

// connect waits until the log reports that everything is ready, and dials.
func (c *Collector) connect(ctx context.Context) error {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for end := time.Now().Add(startLimit); ; {
		found, ready := addresses(c.log()[c.seen:])
		if ready {
			c.HTTP = found.http
			return c.dial(found.otlp, found.api)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-poll.C:
			if now.After(end) {
				return fmt.Errorf("the collector is not ready after %v", startLimit)
			}
		}
	}
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

// listening is where a collector listens.
type listening struct{ otlp, api, http string }

// addresses reads that from the log, and whether it is ready.
func addresses(log []byte) (at listening, ready bool) {
	for line := range bytes.Lines(log) {
		var entry struct{ Msg, Transport, Endpoint string }
		if json.Unmarshal(line, &entry) != nil {
			continue
		}
		switch entry.Msg + entry.Transport {
		case "Starting GRPC server":
			at.otlp = entry.Endpoint
		case "Tapio API listeninggrpc":
			at.api = entry.Endpoint
		case "Tapio API listeninghttp":
			at.http = entry.Endpoint
		case "Everything is ready. Begin running and processing data.":
			ready = true
		}
	}
	return at, ready
}
