//go:build linux && (amd64 || arm64)

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otelprofiler

import (
	"bufio"
	"encoding/gob"
	"errors"
	"io"
	"strings"
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/symbols"
)

// sender writes messages to the receiver. A write waits for the receiver, which always
// reads.
type sender struct {
	mu      sync.Mutex
	buffer  *bufio.Writer
	encoder *gob.Encoder
	numbers frameNumbers
	// seen are the processes of the samples since the last flush.
	seen map[uint32]symbols.Process
}

func newSender(to io.Writer) *sender {
	buffer := bufio.NewWriterSize(to, 64<<10)
	return &sender{buffer: buffer, encoder: gob.NewEncoder(buffer), seen: map[uint32]symbols.Process{}}
}

func (s *sender) send(m *message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.encoder.Encode(m)
}

// sample sends a sample; which process it is of is looked up while that probably lives.
func (s *sender) sample(pid uint32, of *Sample, program bool, frames []model.Frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, found := s.seen[pid]
	if !found {
		known = symbols.Running("/proc", pid)
		s.seen[pid] = known
	}
	of.Process = known
	m := &message{Sample: of, Program: program}
	s.numbers.put(m, frames)
	return s.encoder.Encode(m)
}

// flush sends what waits.
func (s *sender) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.seen)
	return s.buffer.Flush()
}

// fail sends why the profiler ends.
func (s *sender) fail(why error) error {
	return errors.Join(s.send(&message{Failed: why.Error()}), s.flush())
}

// newLogger returns a logger whose warnings and errors are sent.
func newLogger(to *sender) *zap.Logger {
	encoder := zapcore.NewConsoleEncoder(zapcore.EncoderConfig{MessageKey: "message", ConsoleSeparator: " ", EncodeDuration: zapcore.StringDurationEncoder})
	only := func(severe bool) zapcore.LevelEnabler {
		return zap.LevelEnablerFunc(func(l zapcore.Level) bool { return l >= zapcore.WarnLevel && severe == (l >= zapcore.ErrorLevel) })
	}
	return zap.New(zapcore.NewTee(
		zapcore.NewCore(encoder, zapcore.AddSync(&logSender{to: to}), only(false)),
		zapcore.NewCore(encoder, zapcore.AddSync(&logSender{to: to, severe: true}), only(true)),
	))
}

type logSender struct {
	to     *sender
	severe bool
}

// Write implements io.Writer.
func (l *logSender) Write(line []byte) (int, error) {
	return len(line), l.to.send(&message{Warning: strings.TrimSpace(string(line)), Severe: l.severe})
}
