// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/input"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// sendInput reads one file, a line or a JSON value at a time. The end is io.EOF;
// any other error ends the reading and names its place.
type sendInput interface {
	Next() (sendItem, error)
}

// sendItem is what one line or value of the input holds.
type sendItem struct {
	events    []*tapiov1.Event
	at        place
	converted bool // the line was not UTF-8
	skipped   []skippedPart
}

// skippedPart is a line, value or event that cannot be sent, and why.
type skippedPart struct{ reason, problem string }

func (s *sendItem) skip(reason, format string, args ...any) {
	s.skipped = append(s.skipped, skippedPart{reason, fmt.Sprintf(format, args...)})
}

// place is a line of a file.
type place struct {
	file string
	line int
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// newSendInput finds out what the file is, unless a flag reports it.
func newSendInput(a *app.App, file io.Reader, name string, f *sendFlags) (sendInput, error) {
	buffered := utf8Reader(file)
	format := f.format.Value
	if format == "auto" {
		format = "text"
		if first, err := firstByte(buffered); err == nil && first == '{' {
			format = "json"
		}
	}
	if format == "json" {
		if f.service != "" || f.eventName != "" || f.severity.Value != "" {
			return nil, exitcode.UsageErrorf("--service, --event-name and --severity are for text only, but %s is JSON, which has fields for them", name)
		}
		return newJSONInput(name, buffered), nil
	}
	return &textInput{App: a, name: name, lines: buffered, flags: f, longest: input.MaxLineBytes}, nil
}

// firstByte looks at the first character that is no white space, as far as the
// buffer reaches.
func firstByte(from *bufio.Reader) (byte, error) {
	for n := 1; ; n++ {
		head, err := from.Peek(n)
		if err != nil {
			return 0, err
		}
		if last := head[n-1]; !strings.ContainsRune(" \t\r\n", rune(last)) {
			return last, nil
		}
	}
}
