// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tapio/tapio/test/running"
)

const (
	startLimit = 30 * time.Second
	pollEvery  = 20 * time.Millisecond
)

// collector is one running bin/tapio.
type collector struct {
	otlp, api, http, pprof string // the addresses it listens on, "" for none

	process *running.Process
	folder  string
}

// start runs a collector and waits until it is ready. The caller stops it.
func start(ctx context.Context, binary string, with config) (*collector, error) {
	folder, err := os.MkdirTemp("", "tapio-bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the collector: %w", err)
	}
	c := &collector{folder: folder}
	if err := c.launch(ctx, binary, with); err != nil {
		c.stop()
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	at, err := c.process.AwaitReady(ctx, 0, startLimit)
	if err != nil {
		c.stop()
		return nil, err
	}
	c.otlp, c.api, c.http, c.pprof = at.OTLPGRPC, at.GRPC, at.HTTP, at.PProf
	return c, nil
}

func (c *collector) launch(ctx context.Context, binary string, with config) (err error) {
	path := filepath.Join(c.folder, "config.yaml")
	if err := os.WriteFile(path, []byte(with.yaml), 0o600); err != nil {
		return err
	}
	command := append([]string{binary, "--config", path}, with.args...)
	if with.cpus != "" {
		command = append([]string{"taskset", "--cpu-list", with.cpus}, command...)
	}
	c.process, err = running.Launch(ctx, running.Command{Args: command, Log: filepath.Join(c.folder, "log")})
	return err
}

// stop ends the process and removes its folder.
func (c *collector) stop() {
	if c.process != nil {
		c.process.Stop()
	}
	_ = os.RemoveAll(c.folder) // a temporary folder
}
