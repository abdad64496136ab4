//go:build linux && (amd64 || arm64)

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otelprofiler

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/panics"
)

const (
	// lastMoment is how long the process has to end once its input has ended.
	lastMoment = 3 * time.Second
	// memoryWatch is how often its memory is looked at.
	memoryWatch = 250 * time.Millisecond
	// maxLastWords bounds what is kept of what it writes when it crashes.
	maxLastWords = 4 << 10
)

// Start begins to start the profiler, which may take so many bytes of memory of its own;
// Running reports what came of it. Its warnings and errors go to the logger.
func Start(logger *zap.Logger, samplesPerSecond int, memory int64) *Profiler {
	ctx, stop := context.WithCancel(context.Background())
	p := &Profiler{stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		defer stop()
		err := panics.Catch(func() { p.err = p.run(ctx, logger.Named("otel_profiler"), samplesPerSecond, memory) })
		p.err = errors.Join(p.err, err)
	}()
	return p
}

// run runs the process until it ends, and returns why it did if ctx is not done.
func (p *Profiler) run(ctx context.Context, logger *zap.Logger, samplesPerSecond int, memory int64) error {
	if err := lacking(); err != nil {
		return err
	}
	c, err := startProcess(ctx, samplesPerSecond)
	if err != nil {
		return fmt.Errorf("start the process of OpenTelemetry's eBPF profiler: %w", err)
	}
	watched := make(chan struct{})
	over, watchNoMore := context.WithCancel(ctx)
	go func() {
		defer close(watched)
		if err := panics.Catch(func() { c.bound(over, memory) }); err != nil {
			logger.Error("the memory of OpenTelemetry's eBPF profiler is not bounded any more", zap.Error(err))
		}
	}()
	failed := panics.Catch(func() { p.read(c.samples, logger, &c.failed) })
	_ = c.samples.Close() // a process that writes on ends
	watchNoMore()
	<-watched
	why := c.wait(memory)
	if ctx.Err() != nil {
		return nil
	}
	return errors.Join(failed, why)
}

// read takes in messages until the process ends.
func (p *Profiler) read(from io.Reader, logger *zap.Logger, failed *string) {
	for decoder := gob.NewDecoder(bufio.NewReader(from)); ; {
		var m message
		if decoder.Decode(&m) != nil {
			return // its end says why
		}
		switch {
		case m.Failed != "":
			*failed = m.Failed
		case m.Sample != nil:
			p.add(&m)
		case m.Severe:
			logger.Error(m.Warning)
		case m.Warning != "":
			logger.Warn(m.Warning)
		}
	}
}

// process is that of the profiler.
type process struct {
	command   *exec.Cmd
	samples   *os.File
	failed    string // its own reason for its end
	lastWords lastWords
	tooLarge  atomic.Bool
}

// serviceName is that of the process: its end is none of the collector's.
const serviceName = "tapio-profiler"

// startProcess starts this program again. Its environment has its name only: this process may have
// secrets there. It ends when its standard input does, which is also when this process is gone.
func startProcess(ctx context.Context, samplesPerSecond int) (*process, error) {
	input, hold, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = input.Close() }()
	samples, write, err := os.Pipe()
	if err != nil {
		_ = hold.Close()
		return nil, err
	}
	defer func() { _ = write.Close() }()
	c := &process{command: exec.CommandContext(ctx, "/proc/self/exe", Command, strconv.Itoa(samplesPerSecond)), samples: samples}
	c.command.Env = []string{"OTEL_SERVICE_NAME=" + serviceName}
	c.command.Stdin, c.command.Stderr, c.command.ExtraFiles = input, &c.lastWords, []*os.File{write}
	c.command.Cancel, c.command.WaitDelay = hold.Close, lastMoment
	if err := c.command.Start(); err != nil {
		return nil, errors.Join(err, hold.Close(), samples.Close())
	}
	return c, nil
}

// wait returns why the process has ended.
func (c *process) wait(memory int64) error {
	ended := c.command.Wait()
	switch {
	case c.tooLarge.Load():
		return fmt.Errorf("it took more than %d MiB of memory (cpu_profiler_memory_limit_mib) and was ended", memory>>20)
	case c.failed != "":
		return errors.New(c.failed)
	}
	return errors.Join(errStopped, ended, c.lastWords.crash())
}

// bound ends the process if it takes more memory of its own than it may. Pages of the
// program's file are not counted: both processes share them.
func (c *process) bound(ctx context.Context, memory int64) {
	ticker := time.NewTicker(memoryWatch)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if ownMemory(c.command.Process.Pid) > memory {
			c.tooLarge.Store(true)
			_ = c.command.Process.Kill()
			return
		}
	}
}

// ownMemory is what a process takes apart from files; 0 if it is not known.
func ownMemory(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "\nRssAnon:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kilobytes, _ := strconv.ParseInt(number, 10, 64)
	return kilobytes << 10
}

// lastWords is the beginning of what the process writes to its standard error.
type lastWords struct{ text bytes.Buffer }

// Write implements io.Writer.
func (w *lastWords) Write(text []byte) (int, error) {
	w.text.Write(text[:min(len(text), maxLastWords-w.text.Len())])
	return len(text), nil
}

// crash is the line in which the runtime says why it crashed.
func (w *lastWords) crash() error {
	last := ""
	for line := range strings.Lines(w.text.String()) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			return errors.New(line)
		}
		last = cmp.Or(line, last)
	}
	if last == "" {
		return nil
	}
	return errors.New(last)
}
