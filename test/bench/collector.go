// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

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
)

const (
	startLimit = 30 * time.Second
	stopLimit  = 10 * time.Second
	pollEvery  = 20 * time.Millisecond
)

// collector is one running bin/tapio.
type collector struct {
	otlp, api, http, pprof string // the addresses it listens on, "" for none

	cmd    *exec.Cmd
	term   context.CancelFunc
	folder string
}

// start runs a collector and waits until it is ready. The caller stops it.
func start(ctx context.Context, binary string, with config) (*collector, error) {
	folder, err := os.MkdirTemp("", "tapio-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the collector: %w", err)
	}
	c := &collector{folder: folder, term: func() {}}
	if err := c.launch(ctx, binary, with); err != nil {
		c.stop()
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	if err := c.awaitReady(ctx); err != nil {
		log := c.log()
		c.stop()
		return nil, fmt.Errorf("%w:\n%s", err, log[max(0, len(log)-4<<10):])
	}
	return c, nil
}

func (c *collector) launch(ctx context.Context, binary string, with config) error {
	path := filepath.Join(c.folder, "config.yaml")
	if err := os.WriteFile(path, []byte(with.yaml), 0o600); err != nil {
		return err
	}
	log, err := os.Create(c.logPath())
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own handle
	ctx, c.term = context.WithCancel(ctx)
	command := append([]string{binary, "--config", path}, with.args...)
	if with.cpus != "" {
		command = append([]string{"taskset", "--cpu-list", with.cpus}, command...)
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopLimit
	if err := cmd.Start(); err != nil {
		return err
	}
	c.cmd = cmd
	return nil
}

func (c *collector) logPath() string { return filepath.Join(c.folder, "log") }

func (c *collector) log() []byte {
	log, _ := os.ReadFile(c.logPath()) // absent reads as empty
	return log
}

// stop ends the process and removes its folder.
func (c *collector) stop() {
	c.term()
	if c.cmd != nil {
		_ = c.cmd.Wait() // it was asked to end
	}
	_ = os.RemoveAll(c.folder) // a temporary folder
}

func (c *collector) awaitReady(ctx context.Context) error {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for end := time.Now().Add(startLimit); !c.readAddresses(c.log()); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-poll.C:
			if now.After(end) {
				return fmt.Errorf("the collector is not ready after %v", startLimit)
			}
		}
	}
	return nil
}

// readAddresses reports whether the log reports that everything is ready.
func (c *collector) readAddresses(log []byte) (ready bool) {
	for line := range bytes.Lines(log) {
		var entry struct {
			Msg, Transport, Endpoint string
			HTTPAddr                 string `json:"http_addr"` // of Jaeger
			Config                   struct{ TCPAddr struct{ Endpoint string } }
		}
		if json.Unmarshal(line, &entry) != nil {
			continue
		}
		switch entry.Msg + entry.Transport {
		case "Starting GRPC server":
			if entry.Endpoint != "" { // Jaeger's API logs the same
				c.otlp = entry.Endpoint
			}
		case "Tapio API listeninggrpc":
			c.api = entry.Endpoint
		case "Tapio API listeninghttp":
			c.http = entry.Endpoint
		case "Query server started":
			c.http = entry.HTTPAddr
		case "Starting net/http/pprof server":
			c.pprof = entry.Config.TCPAddr.Endpoint
		case "Everything is ready. Begin running and processing data.":
			ready = true
		}
	}
	return ready
}
