// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// textInput makes an event of each line.
type textInput struct {
	*app.App
	name   string
	lines  *bufio.Reader
	number int
	flags  *sendFlags
	// longest is how many bytes a line may have.
	longest int
}

func (t *textInput) Next() (sendItem, error) {
	for {
		line, tooLong, err := t.readLine()
		if err != nil {
			return sendItem{}, err
		}
		item := sendItem{at: place{t.name, t.number}}
		switch {
		case tooLong:
			item.skip("too long", "the line has more than %s: split it", render.Size(uint64(t.longest)))
			return item, nil
		case bytes.IndexByte(line, 0) >= 0:
			item.skip("binary", "the line contains a zero byte: send text in UTF-8 or UTF-16")
			return item, nil
		case len(bytes.TrimSpace(line)) == 0:
			continue
		}
		text, converted := validUTF8(line)
		item.converted = converted
		item.events = []*tapiov1.Event{t.event(text)}
		return item, nil
	}
}

// ReadLine returns the next line without its end. Of a line that is too long it
// reads all and keeps nothing.
func (t *textInput) readLine() (line []byte, tooLong bool, err error) {
	for {
		part, err := t.lines.ReadSlice('\n')
		if len(line)+len(part) > t.longest {
			line, tooLong = nil, true
		}
		if !tooLong {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && (len(line) > 0 || tooLong):
		case errors.Is(err, io.EOF):
			return nil, false, io.EOF
		case err != nil:
			return nil, false, exitcode.UsageErrorf("failed to read %s after line %d: %v", t.name, t.number, err)
		}
		t.number++
		return bytes.TrimRight(line, "\r\n"), tooLong, nil
	}
}

func (t *textInput) event(line string) *tapiov1.Event {
	now := uint64(t.Out.Now().UnixNano())
	event := &tapiov1.Event{LogRecord: &logsv1.LogRecord{
		TimeUnixNano: now, ObservedTimeUnixNano: now, EventName: t.flags.eventName,
		SeverityNumber: t.flags.severityNumber(), SeverityText: strings.ToUpper(t.flags.severity.Value),
		Body: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: line}},
	}}
	if t.flags.service != "" {
		event.Resource = &resource.Resource{Attributes: []*common.KeyValue{{
			Key: semconv.ServiceName, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: t.flags.service}},
		}}}
	}
	return event
}
