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
	"time"

	"github.com/tapio/tapio/test/running"
)

// prometheus is a running Prometheus that takes remote writes.
type prometheus struct {
	api     string
	process *running.Process
	folder  string
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
	p.process, err = running.Launch(ctx, running.Command{
		Args: []string{
			path, "--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(p.folder, "data"),
			"--web.listen-address=" + p.api, "--web.enable-remote-write-receiver",
		},
		Log: filepath.Join(p.folder, "log"),
	})
	if err != nil {
		return err
	}
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
	return fmt.Errorf("it is not ready after %v: %s", startLimit, p.process.LogEnd())
}

// stop ends the process and removes its folder.
func (p *prometheus) stop() {
	if p.process != nil {
		p.process.Stop()
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
