// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// config is what a collector is started with.
type config struct {
	yaml string
	args []string // behind --config
	// cpus is where the collector may run, as taskset reads it; "" for anywhere.
	cpus string
	// folder is removed after the run; "" for none.
	folder string
}

const nopConfig = `
receivers:
  otlp: {protocols: {grpc: {endpoint: "localhost:0"}}}
exporters: {nop: }
extensions: {pprof: {endpoint: "PPROF"}}
service:
  extensions: [pprof]
  telemetry: {logs: {encoding: json}, metrics: {level: none}}
  pipelines:
    logs: {receivers: [otlp], exporters: [nop]}
    traces: {receivers: [otlp], exporters: [nop]}
    metrics: {receivers: [otlp], exporters: [nop]}
`

// storeConfig is nopConfig but for the store in place of nop.
const storeConfig = `
receivers:
  otlp: {protocols: {grpc: {endpoint: "localhost:0"}}}
  tapio: {extension: tapio}
exporters: {tapio: {extension: tapio}}
extensions:
  tapio:
    grpc: {endpoint: "localhost:0"}
    http: {endpoint: "localhost:0"}
    store: {memory_limit: MEMORY_LIMIT}
  pprof: {endpoint: "PPROF"}
service:
  extensions: [tapio, pprof]
  telemetry: {logs: {encoding: json}, metrics: {level: none}}
  pipelines:
    logs: {receivers: [otlp, tapio], exporters: [tapio]}
    traces: {receivers: [otlp], exporters: [tapio]}
    metrics: {receivers: [otlp], exporters: [tapio]}
`

func withNop(settings) (config, error) { return withProfiling(nopConfig) }

func withStore(set settings) (config, error) { return withMemory(storeConfig, set) }

// withEngine is withStore with the correlation engine before the store.
func withEngine(set settings) (config, error) {
	yaml := strings.ReplaceAll(storeConfig, "exporters: [tapio]", "processors: [semantic_correlation], exporters: [tapio]")
	return withMemory("processors: {semantic_correlation: }"+yaml, set)
}

// withDurability is withStore in a directory of its own.
func withDurability(durability string) func(settings) (config, error) {
	return func(set settings) (config, error) {
		folder, err := os.MkdirTemp(set.Directory, "tapio-bench-")
		if err != nil {
			return config{}, err
		}
		c, err := withMemory(storeConfig, set)
		c.args = []string{
			"--set=extensions::tapio::store::directory=" + filepath.Join(folder, "store"),
			"--set=extensions::tapio::store::durability=" + durability,
		}
		c.folder = folder
		return c, err
	}
}

// onOneCPU is withStore bound to the last CPU.
func onOneCPU(set settings) (config, error) {
	c, err := withStore(set)
	c.cpus = strconv.Itoa(runtime.NumCPU() - 1)
	return c, err
}

func withMemory(yaml string, set settings) (config, error) {
	limit := set.MemoryLimit
	if limit == "" {
		limit = "512MiB"
	}
	return withProfiling(strings.ReplaceAll(yaml, "MEMORY_LIMIT", limit))
}

// withProfiling fills in a port for pprof, which does not report one that it chose
// itself.
func withProfiling(yaml string) (config, error) {
	free, err := freeAddress()
	return config{yaml: strings.ReplaceAll(yaml, "PPROF", free)}, err
}

// asShipped is the shipped configuration, with its memory limiter, the host's
// metrics and the collector's own telemetry, on free ports.
func asShipped(settings) (config, error) {
	raw, err := os.ReadFile(filepath.Join("distribution", "config", "tapio.yaml"))
	if err != nil {
		return config{}, fmt.Errorf("run this in the repository's root: %w", err)
	}
	yaml, err := onFreePorts(string(raw))
	return config{yaml: yaml, args: []string{
		"--set=extensions::tapio::grpc::endpoint=localhost:0", "--set=extensions::tapio::http::endpoint=localhost:0",
		"--set=service::telemetry::logs::encoding=json",
	}}, err
}

// onFreePorts puts a free port in the place of each fixed one, the same wherever
// the same stood.
func onFreePorts(yaml string) (string, error) {
	replaced := map[string]bool{}
	for _, address := range regexp.MustCompile(`localhost:\d+`).FindAllString(yaml, -1) {
		if replaced[address] {
			continue
		}
		replaced[address] = true
		free, err := freeAddress()
		if err != nil {
			return "", err
		}
		yaml = strings.ReplaceAll(yaml, address, free)
	}
	return yaml, nil
}

// freeAddress finds a port that was free a moment ago.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return "localhost:" + port, err
}
