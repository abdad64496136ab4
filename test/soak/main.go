//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command soak runs the shipped configuration as root under a mixed load of real
// programs (nginx, Node.js, Python, PostgreSQL, Redis, programs that live for
// milliseconds), reloads it every minute, kills clients, and checks from outside
// that the collector does not panic, invents no error, counts what it loses, and
// does not grow. It runs in a network namespace of its own.
//
//	go run ./test/soak -duration 1h
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// inNamespace marks the process that runs in the namespace.
const inNamespace = "TAPIO_SOAK_IN_NAMESPACE"

func main() {
	duration := flag.Duration("duration", time.Hour, "how long the load runs, 3m or more")
	binary := flag.String("binary", "bin/tapio", "the collector")
	config := flag.String("config", "distribution/config/tapio.yaml", "its configuration, with the default ports")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, settings{*duration, *binary, *config})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

type settings struct {
	duration       time.Duration
	binary, config string
}

func run(ctx context.Context, s settings) error {
	if s.duration < 3*time.Minute {
		return fmt.Errorf("-duration must be 3m or more, is %v", s.duration)
	}
	if os.Getuid() != 0 {
		return errors.New("must run as root: it loads programs into the kernel and makes a network namespace")
	}
	if os.Getenv(inNamespace) == "" {
		return again(ctx)
	}
	if out, err := exec.CommandContext(ctx, "ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Errorf("set up loopback: %w: %s", err, out)
	}
	folder, err := os.MkdirTemp("", "tapio-soak-")
	if err != nil {
		return err
	}
	h := &host{folder: folder}
	defer h.stop()
	if err := h.start(ctx); err != nil {
		return err
	}
	c, err := startCollector(ctx, s, folder)
	if err != nil {
		return err
	}
	watch, err := newWatch(c)
	if err != nil {
		return err
	}
	loadCtx, endLoad := context.WithTimeout(ctx, s.duration)
	defer endLoad()
	wait := h.load(loadCtx)
	watch.run(loadCtx)
	wait()
	return watch.finish(ctx)
}

// again runs this program again in a network namespace of its own.
func again(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	return cmd.Run()
}
