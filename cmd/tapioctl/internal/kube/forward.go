// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
)

// forward is one running `kubectl port-forward`.
type forward struct {
	address string
	cmd     *exec.Cmd
	ended   chan struct{} // closed when the process has ended
}

// startForward starts kubectl and waits until it listens.
func startForward(ctx context.Context, cmd *exec.Cmd) (*forward, error) {
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var stderr lastBytes
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	f := &forward{cmd: cmd, ended: make(chan struct{})}
	listening := make(chan string, 1)
	go f.read(stdout, listening)
	select {
	case address, ok := <-listening:
		if ok {
			f.address = address
			return f, nil
		}
		<-f.ended
		return nil, errors.New(complaint(string(stderr.kept)))
	case <-ctx.Done():
		f.stop()
		return nil, fmt.Errorf("kubectl does not listen: %w", ctx.Err())
	}
}

// read reports the address that kubectl prints, reads the rest so that kubectl does not block, and waits for its end.
func (f *forward) read(stdout io.Reader, listening chan<- string) {
	defer close(f.ended)
	line := regexp.MustCompile(`^Forwarding from (127\.0\.0\.1:\d+) ->`)
	lines := bufio.NewReader(stdout)
	for {
		text, err := lines.ReadString('\n')
		if found := line.FindStringSubmatch(text); found != nil {
			select {
			case listening <- found[1]:
			default:
			}
		}
		if err != nil {
			break
		}
	}
	_ = f.cmd.Wait() // what it complained of is in its standard error output
	close(listening)
}

func (f *forward) over() bool {
	select {
	case <-f.ended:
		return true
	default:
		return false
	}
}

func (f *forward) stop() {
	_ = f.cmd.Process.Kill() // it may have ended
	<-f.ended
}

// lastBytes keeps the end of what is written to it.
type lastBytes struct{ kept []byte }

const maxComplaint = 2 << 10

func (l *lastBytes) Write(p []byte) (int, error) {
	l.kept = append(l.kept, p...)
	l.kept = bytes.Clone(l.kept[max(0, len(l.kept)-maxComplaint):])
	return len(p), nil
}
