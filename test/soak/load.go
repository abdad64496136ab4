//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// load starts all clients; wait returns when they have ended with ctx.
func (h *host) load(ctx context.Context) (wait func()) {
	var all sync.WaitGroup
	each := func(every time.Duration, body func(ctx context.Context)) {
		all.Go(func() {
			for ctx.Err() == nil {
				body(ctx)
				_ = pause(ctx, every) // ends with ctx
			}
		})
	}
	pgbench := func(args ...string) []string {
		return append([]string{"pgbench", "-h", "127.0.0.1", "-p", postgresPort, "-U", "postgres"}, append(args, "postgres")...)
	}
	try(ctx, pgbench("-i", "-q")...)
	for _, command := range [][]string{
		{"ab", "-q", "-k", "-n", "300", "-c", "4", "http://127.0.0.1:8080/small.txt"},
		{"ab", "-q", "-k", "-n", "200", "-c", "2", "http://127.0.0.1:8080/node/items"},
		{"ab", "-q", "-n", "100", "-c", "2", "http://127.0.0.1:8080/python/items"},
		{"curl", "-s", "-o", "/dev/null", "http://127.0.0.1:8080/small.txt"},
		{"redis-benchmark", "-q", "-p", redisPort, "-n", "500", "-c", "5", "-t", "set,get"},
		{"sh", "-c", "redis-benchmark -h 127.0.0.1 -p " + redisPort + " -n 1000 -P 20 -q -t set"},
		pgbench("-n", "-c", "2", "-t", "50"),
		{"sh", "-c", "i=0; while [ $i -lt 40 ]; do /bin/true; date >/dev/null; i=$((i+1)); done"},
		{"find", "/usr/share", "-maxdepth", "3", "-name", "*.conf"},
	} {
		each(time.Second, func(ctx context.Context) { try(ctx, command...) })
	}
	for _, command := range [][]string{
		{"curl", "-s", "--limit-rate", "100k", "-o", "/dev/null", "http://127.0.0.1:" + killedNginxPort + "/big.bin"},
		{"redis-cli", "-p", killedRedisPort, "blpop", "nothing", "60"},
		{"psql", "-h", "127.0.0.1", "-p", postgresPort, "-U", "postgres", "-d", killedDatabase, "-c", killedStatement + " 'begin perform pg_sleep(60); end'"},
	} {
		each(5*time.Second, func(ctx context.Context) { kill(ctx, command...) })
	}
	return all.Wait
}

// try runs a program; how it ends is the collector's business, not this one's.
func try(ctx context.Context, command ...string) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.WaitDelay = time.Second
	_ = cmd.Run()
}

// killedAfter is how long a client that is killed waits.
const killedAfter = 700 * time.Millisecond

// kill starts a program and kills it while it waits for its answer.
func kill(ctx context.Context, command ...string) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	if cmd.Start() != nil {
		return
	}
	_ = pause(ctx, killedAfter) // ends with ctx
	_ = cmd.Process.Signal(syscall.SIGKILL)
	_ = cmd.Wait()
}

// exactRequests sends so many requests for a path that nothing else asks for.
func exactRequests(ctx context.Context, path string) error {
	cmd := exec.CommandContext(ctx, "ab", "-q", "-k", "-n", "500", "-c", "2", "http://127.0.0.1:"+filepath.Join(nginxPort, path))
	return cmd.Run()
}

const exactCount = 500
