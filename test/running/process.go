// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package running

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Command describes a program to start.
type Command struct {
	Args  []string        // the program and its arguments
	Log   string          // the file that it writes its output to, "" for none
	Grace time.Duration   // between SIGTERM and SIGKILL, 10 s if 0
	Adapt func(*exec.Cmd) // changes what is started, nil for nothing
}

// Process is a running program.
type Process struct {
	cmd   *exec.Cmd
	term  context.CancelFunc
	log   string
	ended chan struct{}
}

// Launch starts a program. It gets SIGTERM when ctx ends or Stop is called, and SIGKILL where that does not end it.
func Launch(ctx context.Context, c Command) (*Process, error) {
	if c.Grace == 0 {
		c.Grace = stopLimit
	}
	ctx, term := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = c.Grace
	if c.Log != "" {
		log, err := os.Create(c.Log)
		if err != nil {
			term()
			return nil, err
		}
		defer log.Close() // the child has its own handle
		cmd.Stdout, cmd.Stderr = log, log
	}
	if c.Adapt != nil {
		c.Adapt(cmd)
	}
	if err := cmd.Start(); err != nil {
		term()
		return nil, err
	}
	p := &Process{cmd: cmd, term: term, log: c.Log, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the exit code has the same content
		close(p.ended)
	}()
	return p, nil
}

// PID returns the id of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal sends a signal. A process that has ended already is no error.
func (p *Process) Signal(signal os.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil && p.Running() {
		return fmt.Errorf("send %v to %s: %w", signal, p.cmd.Path, err)
	}
	return nil
}

// Kill ends the process at once.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	p.Wait()
	p.term()
}

// Terminate sends SIGTERM, and SIGKILL after the grace; it does not wait.
func (p *Process) Terminate() { p.term() }

// Stop sends SIGTERM and returns the exit code: 0 after an orderly stop, -1 if a signal ended the process.
func (p *Process) Stop() int {
	p.term()
	return p.Wait()
}

// Wait waits until the process has ended, and returns its exit code, -1 if a signal ended it.
func (p *Process) Wait() int {
	<-p.ended
	return p.cmd.ProcessState.ExitCode()
}

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Running reports whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// LogFile is the file with what the process has written.
func (p *Process) LogFile() string { return p.log }

// Log is what the process has written so far.
func (p *Process) Log() []byte {
	log, _ := os.ReadFile(p.log) // absent reads as empty
	return log
}

// LogEnd is the last 4 KiB of Log, for messages.
func (p *Process) LogEnd() []byte {
	log := p.Log()
	return log[max(0, len(log)-4<<10):]
}
