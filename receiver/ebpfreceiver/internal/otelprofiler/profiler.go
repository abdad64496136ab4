//go:build linux && (amd64 || arm64)

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otelprofiler

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"go.opentelemetry.io/ebpf-profiler/libpf"
	"go.opentelemetry.io/ebpf-profiler/reporter"
	"go.opentelemetry.io/ebpf-profiler/reporter/samples"
	"go.opentelemetry.io/ebpf-profiler/times"
	"go.uber.org/zap"
)

// taker sends the profiler's samples to the receiver.
type taker struct {
	to *sender
	// ended is closed when the profiler has ended.
	ended  chan struct{}
	endOne sync.Once
	// offset is what the profiler added to the kernel's time of the sample before. It
	// changes when the clock is set: a sample that comes meanwhile has no certain time.
	offset int64
}

var _ reporter.Reporter = (*taker)(nil)

// Start implements reporter.Reporter.
func (*taker) Start(context.Context) error { return nil }

// Stop implements reporter.Reporter. The profiler also calls it when it gives up.
func (t *taker) Stop() { t.endOne.Do(func() { close(t.ended) }) }

// ReportTraceEvent implements reporter.Reporter.
func (t *taker) ReportTraceEvent(trace *libpf.Trace, meta *samples.TraceEventMeta) error {
	of := &Sample{Thread: uint32(meta.TID), Name: strings.Clone(meta.Comm.String()), At: t.kernelTime(int64(meta.Timestamp))}
	return t.to.sample(uint32(meta.PID), of, ofProgram(trace.Frames), framesOf(trace.Frames))
}

// kernelTime returns the time of the kernel's monotonic clock that the profiler made a
// timestamp of, 0 if that is not certain. The profiler reports one sample after the other,
// each as soon as it has converted its time.
func (t *taker) kernelTime(timestamp int64) uint64 {
	before := t.offset
	t.offset = times.KTime(0).UnixNano()
	if before != t.offset {
		return 0
	}
	return uint64(timestamp - t.offset)
}

// largeFile is from which size on an executable file is reported: the profiler keeps the
// tables to unwind it in memory, of one of 500 MB some 300 MB.
const (
	largeFile     = 256 << 20
	maxLargeFiles = 1024
)

// largeFiles reports each large file once.
type largeFiles struct {
	logger *zap.Logger
	mu     sync.Mutex
	known  map[string]bool
}

func newLargeFiles(logger *zap.Logger) *largeFiles {
	return &largeFiles{logger: logger, known: map[string]bool{}}
}

// ReportExecutable implements reporter.ExecutableReporter.
func (l *largeFiles) ReportExecutable(args *reporter.ExecutableMetadata) {
	if args == nil || args.Mapping == nil || args.Mapping.Length < largeFile {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	path := strings.Clone(args.Mapping.Path) // it may be part of a buffer
	if l.known[path] || len(l.known) >= maxLargeFiles {
		return
	}
	l.known[path] = true
	l.logger.Warn(fmt.Sprintf("a program maps a file with %d MiB of code: the tables to unwind it may take as much memory; "+
		"`cpu_profiler: builtin` needs none", args.Mapping.Length>>20), zap.String("file", path))
}
