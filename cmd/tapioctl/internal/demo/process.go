// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// stopPatience bounds how long a process may take to end after its input was
// closed before it is killed.
const stopPatience = 3 * time.Second

// tailBytes bounds what is kept of a process's error output.
const tailBytes = 8 << 10

// process is one running service of the shop.
type process struct {
	cmd   *exec.Cmd
	input io.WriteCloser
	tail  *tail
	done  chan struct{} // closed when it has ended
}

// start runs the program as the service that the settings describe. The name of
// the service is the first argument of the process, where `ps` shows it.
func (o *Options) start(s settings) (*process, error) {
	first, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	p := &process{tail: &tail{}, done: make(chan struct{})}
	p.cmd = &exec.Cmd{Path: o.Program, Args: append([]string{s.Service}, o.Child...)}
	p.cmd.Env = slices.Concat(os.Environ(), o.Environment, []string{"OTEL_SERVICE_NAME=" + s.Service, "GOMAXPROCS=1"})
	p.cmd.Stderr = p.tail
	p.cmd.WaitDelay = time.Second
	endWithParent(p.cmd)
	if p.input, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Service, err)
	}
	go func() {
		_ = p.cmd.Wait() // reason has the exit status
		close(p.done)
	}()
	if _, err := p.input.Write(append(first, '\n')); err != nil {
		p.stop()
		return nil, fmt.Errorf("start %s: %w", s.Service, err)
	}
	return p, nil
}

// command sends one line to the process.
func (p *process) command(line string) error {
	_, err := io.WriteString(p.input, line+"\n")
	return err
}

// stop asks the process to end, and kills it if it does not.
func (p *process) stop() {
	_ = p.input.Close() // closed already where the process has ended
	timer := time.NewTimer(stopPatience)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		_ = p.cmd.Process.Kill() // fails only where it has ended
		<-p.done
	}
}

// wait returns when the process has ended or the context is done.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// reason is why the process has ended, in one line.
func (p *process) reason() string {
	if line := p.tail.reason(); line != "" {
		return line
	}
	return p.cmd.ProcessState.String()
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailBytes; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

// reason returns the line of a panic, or else the last line.
func (t *tail) reason() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := ""
	for line := range bytes.Lines(t.text) {
		text := strings.TrimSpace(string(line))
		if strings.HasPrefix(text, "panic:") || strings.HasPrefix(text, "fatal error:") {
			return text
		}
		if text != "" {
			last = text
		}
	}
	return last
}
