// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// prometheus is a running Prometheus that takes remote writes.
type prometheus struct {
	api    string
	cmd    *exec.Cmd
	folder string
}

func startPrometheus(ctx context.Context, binary string) (*prometheus, error) {
	path, err := exec.LookPath(binary)
	if err != nil {
		return nil, fmt.Errorf("%w: install Prometheus (apt-get install prometheus), or set PROMETHEUS to its binary", err)
	}
	folder, err := os.MkdirTemp("", "tapio-bench-prometheus-")
	if err != nil {
		return nil, err
	}
	p := &prometheus{folder: folder}
	if err := p.launch(ctx, path); err != nil {
		p.stop()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return p, nil
}

func (p *prometheus) launch(ctx context.Context, path string) (err error) {
	if p.api, err = freeAddress(); err != nil {
		return err
	}
	config := filepath.Join(p.folder, "prometheus.yml")
	if err := os.WriteFile(config, []byte("global: {}\n"), 0o600); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(p.folder, "log"))
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own handle
	cmd := exec.CommandContext(ctx, path, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(p.folder, "data"),
		"--web.listen-address="+p.api, "--web.enable-remote-write-receiver")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopLimit
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd = cmd
	return p.awaitReady(ctx)
}

func (p *prometheus) awaitReady(ctx context.Context) error {
	for end := time.Now().Add(startLimit); time.Now().Before(end); wait(ctx, pollEvery) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.api+"/-/ready", http.NoBody)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
	log, _ := os.ReadFile(filepath.Join(p.folder, "log")) // absent reads as empty
	return fmt.Errorf("it is not ready after %v: %s", startLimit, log[max(0, len(log)-4<<10):])
}

// stop ends the process and removes its folder.
func (p *prometheus) stop() {
	if p.cmd != nil && p.cmd.Process != nil {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		_ = p.cmd.Wait() // its exit code after SIGTERM
	}
	_ = os.RemoveAll(p.folder) // a temporary folder
}

// version is what the server calls itself.
func (p *prometheus) version(ctx context.Context) string {
	var answer struct{ Data struct{ Version string } }
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.api+"/api/v1/status/buildinfo", http.NoBody)
	if err != nil {
		return "Prometheus"
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "Prometheus"
	}
	defer resp.Body.Close()
	_ = json.NewDecoder(resp.Body).Decode(&answer) // without a version the name stands alone
	return "Prometheus " + answer.Data.Version
}
