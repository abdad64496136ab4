// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// maxLineBytes is the longest line of a file of records: an answer of the
// server with -o jsonpb is one line.
const maxLineBytes = 64 << 20

// fileKind says how the lines of a file become a stream of one signal.
type fileKind struct {
	read func(line []byte) (batch, error)
	// keep leaves what is wanted of a batch.
	keep func(b *batch, since model.Nanos) error
	// drop leaves out the first n rows.
	drop func(b *batch, n int)
}

// replay shows the records of a file as those of a server.
func (a *app) replay(ctx context.Context, f *observeFlags, kind fileKind, printer printer) error {
	begin := beginning{} // all of it
	if f.last > 0 || f.since != "" {
		var err error
		if begin, err = f.begin(a); err != nil {
			return err
		}
	}
	file, err := a.openInput(f.inputFile)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	return quietOnInterrupt(ctx, a.history(ctx, kind.open(file, a), begin, printer))
}

func (a *app) openInput(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(a.in), nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, usageErrorf("--input-file: %v", err)
	}
	return file, nil
}

// open makes a server's stream of a file.
func (k fileKind) open(file io.Reader, a *app) openStream {
	return func(_ context.Context, start *tapiov1.StreamStart, _ bool) (func() (batch, error), error) {
		from := &fileStream{fileKind: k, lines: newLineReader(file)}
		if since := start.GetSince(); since != nil {
			from.since = model.Nanos(a.now().Add(-since.AsDuration()).UnixNano())
		}
		if last := start.GetLast(); last > 0 {
			return from.lastOnly(int(last)), nil
		}
		return from.next, nil
	}
}

// fileStream reads what is wanted of a file.
type fileStream struct {
	fileKind
	lines *lineReader
	since model.Nanos
}

// next returns what is wanted of the next line that has any of it.
func (s *fileStream) next() (batch, error) {
	for {
		line, err := s.lines.next()
		if err != nil {
			return batch{}, err
		}
		b, err := s.read(line)
		if err != nil {
			return batch{}, s.lines.fault(err)
		}
		if err := s.keep(&b, s.since); err != nil {
			return batch{}, s.lines.fault(err)
		}
		if b.rows > 0 || b.loss != nil {
			return b, nil
		}
	}
}

// lastOnly reads the whole file and returns its last rows.
func (s *fileStream) lastOnly(count int) func() (batch, error) {
	var last []batch
	var failed error // at the end of the file, io.EOF
	return func() (batch, error) {
		if failed == nil {
			last, failed = s.readLast(count)
		}
		if len(last) == 0 || !errors.Is(failed, io.EOF) {
			return batch{}, failed
		}
		b := last[0]
		last = last[1:]
		return b, nil
	}
}

// readLast holds no more of the file than is wanted, and the rest of a line.
func (s *fileStream) readLast(count int) (last []batch, err error) {
	rows := 0
	for {
		b, err := s.next()
		if err != nil {
			return last, err
		}
		if b.rows == 0 { // a loss alone, of which nobody knows whether it is before the last
			continue
		}
		b.loss = nil
		last, rows = append(last, b), rows+b.rows
		for rows-last[0].rows >= count {
			rows -= last[0].rows
			last = last[1:]
		}
		if rows > count {
			s.drop(&last[0], rows-count)
			rows = count
		}
	}
}

// lineReader reads what -o json and -o jsonpb print.
type lineReader struct {
	scanner *bufio.Scanner
	number  int
}

func newLineReader(from io.Reader) *lineReader {
	scanner := bufio.NewScanner(from)
	scanner.Buffer(make([]byte, 0, 64<<10), maxLineBytes)
	return &lineReader{scanner: scanner}
}

// next returns the next line that is not empty, until it is called again; io.EOF
// at the end.
func (r *lineReader) next() ([]byte, error) {
	for r.scanner.Scan() {
		r.number++
		if line := bytes.TrimSpace(r.scanner.Bytes()); len(line) > 0 {
			return line, nil
		}
	}
	if err := r.scanner.Err(); err != nil {
		r.number++
		return nil, r.fault(err)
	}
	return nil, io.EOF
}

func (r *lineReader) fault(err error) error { return usageErrorf("line %d: %v", r.number, err) }
