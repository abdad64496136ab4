// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/tapio"
	"github.com/tapio/tapio/internal/wire"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// maxLineBytes is the longest line of a file of records: an answer of the
// server with -o jsonpb is one line.
const maxLineBytes = 64 << 20

// replay shows the log records of a file as those of a server.
func (a *app) replay(ctx context.Context, f *observeRecordsFlags, events bool) error {
	filter, err := f.filterUntil(&f.filterFlags, a.now())
	if err != nil {
		return err
	}
	begin := beginning{} // all of it
	if f.last > 0 || f.since != "" {
		if begin, err = f.begin(a.now()); err != nil {
			return err
		}
	}
	file, err := a.openInput(f.inputFile)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	open, err := openFile(file, filter, events, a)
	if err != nil {
		return err
	}
	return quietOnInterrupt(ctx, a.history(ctx, open, begin, a.recordPrinter(f.format.value)))
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

// openFile is a server's stream of log records made of a file. It filters as a
// server does, by the same code.
func openFile(file io.Reader, filter *tapiov1.Filter, events bool, a *app) (openStream, error) {
	query, _, err := wire.StreamLogsQuery(&tapiov1.StreamLogsRequest{Filter: filter, HistoryOnly: true}, a.now())
	if err != nil {
		return nil, usageErrorf("%v", err)
	}
	query.NamedOnly = events
	return func(_ context.Context, start *tapiov1.StreamStart, _ bool) (func() (batch, error), error) {
		from := &fileStream{lines: newLineReader(file), query: query}
		if since := start.GetSince(); since != nil {
			from.since = tapio.Nanos(a.now().Add(-since.AsDuration()).UnixNano())
		}
		if last := start.GetLast(); last > 0 {
			return from.lastOnly(int(last)), nil
		}
		return from.next, nil
	}, nil
}

// fileStream reads the matching records of a file.
type fileStream struct {
	lines *lineReader
	query tapio.EventQuery
	since tapio.Nanos
}

// next returns the records of the next line that has any.
func (s *fileStream) next() (batch, error) {
	for {
		record, err := s.lines.next()
		if err != nil {
			return batch{}, err
		}
		kept := record.events[:0]
		for _, event := range record.events {
			wanted, err := s.wants(event)
			if err != nil {
				return batch{}, s.lines.fault(err)
			}
			if wanted {
				kept = append(kept, event)
			}
		}
		if len(kept) > 0 || record.loss != nil {
			return batchOf(kept, record.loss), nil
		}
	}
}

func (s *fileStream) wants(event *tapiov1.Event) (bool, error) {
	row, err := wire.EventFromProto(event, "event")
	if err != nil {
		return false, err
	}
	return row.When() >= s.since && (!s.query.NamedOnly || row.Name != "") && s.query.Filter.MatchEvent(&row), nil
}

// lastOnly reads the whole file and returns its last records.
func (s *fileStream) lastOnly(count int) func() (batch, error) {
	done := false
	return func() (batch, error) {
		if done {
			return batch{}, io.EOF
		}
		done = true
		var last []*tapiov1.Event
		for {
			b, err := s.next()
			if errors.Is(err, io.EOF) {
				return batchOf(last, nil), nil
			}
			if err != nil {
				return batch{}, err
			}
			last = append(last, b.events...)
			last = last[max(0, len(last)-count):]
		}
	}
}

func batchOf(events []*tapiov1.Event, loss *tapiov1.Loss) batch {
	return recordBatch(&tapiov1.StreamLogsResponse{Logs: events, Loss: loss}, events, loss)
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

// next returns the records of a line; io.EOF at the end.
func (r *lineReader) next() (batch, error) {
	for r.scanner.Scan() {
		r.number++
		line := bytes.TrimSpace(r.scanner.Bytes())
		if len(line) == 0 {
			continue
		}
		b, err := readLine(line)
		if err != nil {
			return batch{}, r.fault(err)
		}
		return b, nil
	}
	if err := r.scanner.Err(); err != nil {
		r.number++
		return batch{}, r.fault(err)
	}
	return batch{}, io.EOF
}

func (r *lineReader) fault(err error) error { return usageErrorf("line %d: %v", r.number, err) }

// readLine tells by its keys what a line is.
func readLine(line []byte) (batch, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(line, &keys); err != nil {
		return batch{}, fmt.Errorf("is not a JSON object: %w", err)
	}
	switch {
	case keys["logRecord"] != nil:
		event := &tapiov1.Event{}
		err := wire.JSON{}.Unmarshal(line, event)
		return recordBatch(event, []*tapiov1.Event{event}, nil), err
	case keys["logs"] != nil:
		answer := &tapiov1.StreamLogsResponse{}
		err := unmarshalAnswer(line, answer)
		return recordBatch(answer, answer.GetLogs(), answer.GetLoss()), err
	case keys["events"] != nil:
		answer := &tapiov1.SubscribeToEventsResponse{}
		err := unmarshalAnswer(line, answer)
		return recordBatch(answer, answer.GetEvents(), answer.GetLoss()), err
	case keys["loss"] != nil:
		answer := &tapiov1.StreamLogsResponse{}
		err := unmarshalAnswer(line, answer)
		return batch{raw: answer, loss: answer.GetLoss()}, err
	default:
		return batch{}, errors.New("has none of the keys logRecord, logs, events: " +
			"give what tapioctl prints for logs or events with -o json or -o jsonpb")
	}
}

// unmarshalAnswer reads an answer that may be of another call with the same
// records, get logs for example.
func unmarshalAnswer(line []byte, m proto.Message) error {
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(line, m)
}
