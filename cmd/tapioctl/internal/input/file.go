// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package input

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// MaxLineBytes is the longest line of a file of records: an answer of the
// server with -o jsonpb is one line.
const MaxLineBytes = 64 << 20

// FileKind is how the lines of a file become a stream of one signal.
type FileKind struct {
	read func(line []byte) (render.Batch, error)
	// keep leaves what is wanted of a batch.
	keep func(b *render.Batch, since model.Nanos) error
	// drop leaves out the first n rows.
	drop func(b *render.Batch, n int)
}

// Open makes a server's stream of a file.
func (k FileKind) Open(file io.Reader, now func() time.Time) OpenStream {
	return func(_ context.Context, start *tapiov1.StreamStart, _ bool) (func() (render.Batch, error), error) {
		from := &fileStream{FileKind: k, lines: newLineReader(file)}
		if since := start.GetSince(); since != nil {
			from.since = model.Nanos(now().Add(-since.AsDuration()).UnixNano())
		}
		if last := start.GetLast(); last > 0 {
			return from.lastOnly(int(last)), nil
		}
		return from.Next, nil
	}
}

// fileStream reads what is wanted of a file.
type fileStream struct {
	FileKind
	lines *lineReader
	since model.Nanos
}

// Next returns what is wanted of the next line that has any of it.
func (s *fileStream) Next() (render.Batch, error) {
	for {
		line, err := s.lines.Next()
		if err != nil {
			return render.Batch{}, err
		}
		b, err := s.read(line)
		if err != nil {
			return render.Batch{}, s.lines.fault(err)
		}
		if err := s.keep(&b, s.since); err != nil {
			return render.Batch{}, s.lines.fault(err)
		}
		if b.Rows > 0 || b.Loss != nil {
			return b, nil
		}
	}
}

// lastOnly reads the whole file and returns its last rows.
func (s *fileStream) lastOnly(count int) func() (render.Batch, error) {
	var last []render.Batch
	var failed error // at the end of the file, io.EOF
	return func() (render.Batch, error) {
		if failed == nil {
			last, failed = s.readLast(count)
		}
		if len(last) == 0 || !errors.Is(failed, io.EOF) {
			return render.Batch{}, failed
		}
		b := last[0]
		last = last[1:]
		return b, nil
	}
}

// readLast holds no more of the file than is wanted, and the rest of a line.
func (s *fileStream) readLast(count int) (last []render.Batch, err error) {
	rows := 0
	for {
		b, err := s.Next()
		if err != nil {
			return last, err
		}
		if b.Rows == 0 { // a loss alone, of which it is not known whether it is before the last
			continue
		}
		b.Loss = nil
		last, rows = append(last, b), rows+b.Rows
		for rows-last[0].Rows >= count {
			rows -= last[0].Rows
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

// Next returns the next line that is not empty, until it is called again; io.EOF
// at the end.
func (r *lineReader) Next() ([]byte, error) {
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

func (r *lineReader) fault(err error) error {
	return exitcode.UsageErrorf("line %d: %v", r.number, err)
}

func newLineReader(from io.Reader) *lineReader {
	scanner := bufio.NewScanner(from)
	scanner.Buffer(make([]byte, 0, 64<<10), MaxLineBytes)
	return &lineReader{scanner: scanner}
}
