// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// sendInput reads the events of one file, those of a line or value at a time; at
// is where they stand. The end is io.EOF; any other error names its place.
type sendInput interface {
	next() (events []*tapiov1.Event, at place, err error)
}

// place is a line of a file.
type place struct {
	file string
	line int
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// newSendInput finds out what the file is, unless a flag says so.
func (a *app) newSendInput(file io.Reader, name string, f *sendFlags) (sendInput, error) {
	buffered := bufio.NewReaderSize(file, 64<<10)
	format := f.format.value
	if format == "auto" {
		format = "text"
		if first, err := firstByte(buffered); err == nil && first == '{' {
			format = "json"
		}
	}
	if format == "json" {
		if f.service != "" || f.eventName != "" || f.severity.value != "" {
			return nil, usageErrorf("--service, --event-name and --severity are for lines of text, but %s is JSON, which says that itself", name)
		}
		lines := &lineCounter{from: buffered}
		return &jsonInput{name: name, lines: lines, values: json.NewDecoder(lines)}, nil
	}
	return &textInput{app: a, name: name, lines: newLineReader(buffered), flags: f}, nil
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

// textInput makes an event of each line.
type textInput struct {
	*app
	name  string
	lines *lineReader
	flags *sendFlags
}

func (t *textInput) next() ([]*tapiov1.Event, place, error) {
	for t.lines.scanner.Scan() {
		t.lines.number++
		at := place{t.name, t.lines.number}
		line := strings.TrimRight(t.lines.scanner.Text(), "\r")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if !utf8.ValidString(line) {
			return nil, at, usageErrorf("%s: is not valid UTF-8: convert the file, for example with iconv", at)
		}
		return []*tapiov1.Event{t.event(line)}, at, nil
	}
	if err := t.lines.scanner.Err(); err != nil {
		at := place{t.name, t.lines.number + 1}
		return nil, at, usageErrorf("%s: %v", at, err)
	}
	return nil, place{}, io.EOF
}

func (t *textInput) event(line string) *tapiov1.Event {
	now := uint64(t.now().UnixNano())
	event := &tapiov1.Event{LogRecord: &logsv1.LogRecord{
		TimeUnixNano: now, ObservedTimeUnixNano: now, EventName: t.flags.eventName,
		SeverityNumber: t.flags.severityNumber(), SeverityText: strings.ToUpper(t.flags.severity.value),
		Body: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: line}},
	}}
	if t.flags.service != "" {
		event.Resource = &resource.Resource{Attributes: []*common.KeyValue{{
			Key: "service.name", Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: t.flags.service}},
		}}}
	}
	return event
}

// jsonInput reads JSON values, of one line or of many.
type jsonInput struct {
	name   string
	lines  *lineCounter
	values *json.Decoder
}

func (j *jsonInput) next() ([]*tapiov1.Event, place, error) {
	for {
		j.values.More() // goes to where the value begins
		at := place{j.name, j.lines.lineAt(j.values.InputOffset())}
		var value json.RawMessage
		if err := j.values.Decode(&value); errors.Is(err, io.EOF) {
			return nil, at, io.EOF
		} else if err != nil {
			return nil, at, faultAt(at, protoconv.JSONFault(err))
		}
		events, err := eventsOf(value)
		if err != nil {
			return nil, at, faultAt(at, err)
		}
		if len(events) > 0 { // else it tells of a loss, or of nothing
			return events, at, nil
		}
	}
}

// inOTLP ends the path of a record that came without an event around it.
const inOTLP = "#"

// faultAt names the place of what is wrong. The body is the whole value there.
func faultAt(at place, err error) error {
	err = withoutEvent(err)
	if fault, ok := errors.AsType[*model.FieldError](err); ok && fault.Field == "body" {
		return usageErrorf("%s: %s", at, fault.Problem)
	}
	return usageErrorf("%s: %v", at, err)
}

// withoutEvent leaves out of the path what the input does not have.
func withoutEvent(err error) error {
	if fault, ok := errors.AsType[*model.FieldError](err); ok {
		return model.InvalidField(strings.NewReplacer(inOTLP+".log_record", "", inOTLP, "").Replace(fault.Field), "%s", fault.Problem)
	}
	return err
}

// eventsOf reads one value, and checks its events as the server does.
func eventsOf(value []byte) ([]*tapiov1.Event, error) {
	events, path, err := decodeEvents(value)
	if err != nil {
		return nil, err
	}
	for i, event := range events {
		if _, err := protoconv.EventFromProto(event, path(i)); err != nil {
			return nil, err
		}
		event.Sequence = 0 // the store that it came from gave it
	}
	return events, nil
}

// decodeEvents tells by its keys what a value is. path names an event in it.
func decodeEvents(value []byte) (events []*tapiov1.Event, path func(i int) string, err error) {
	var keys struct {
		ResourceLogs      json.RawMessage `json:"resourceLogs"`
		ResourceLogsProto json.RawMessage `json:"resource_logs"`
		LogRecord         json.RawMessage `json:"logRecord"`
		LogRecordProto    json.RawMessage `json:"log_record"`
		Logs              json.RawMessage `json:"logs"`
	}
	if err := json.Unmarshal(value, &keys); err != nil {
		return nil, nil, fmt.Errorf("is no JSON object: %.40s", bytes.TrimSpace(value))
	}
	switch {
	case keys.ResourceLogs != nil || keys.ResourceLogsProto != nil:
		request := &collogs.ExportLogsServiceRequest{}
		if err := (protoconv.JSON{}).Unmarshal(value, request); err != nil {
			return nil, nil, err
		}
		return eventsFromOTLP(request)
	case keys.LogRecord != nil || keys.LogRecordProto != nil:
		event := &tapiov1.Event{}
		err := protoconv.JSON{}.Unmarshal(value, event)
		return []*tapiov1.Event{event}, func(int) string { return "" }, err
	}
	list := "events"
	if keys.Logs != nil {
		list = "logs"
	}
	b, err := readLine(value)
	if err != nil && keys.Logs == nil && !bytes.Contains(value, []byte(`"events"`)) {
		err = errors.New("has none of the keys logRecord, events, logs and resourceLogs: " +
			"give events as tapioctl prints them with -o json or -o jsonpb, or OTLP logs")
	}
	return b.events, func(i int) string { return fmt.Sprintf("%s[%d]", list, i) }, err
}

// eventsFromOTLP takes the records out of their resources and scopes.
func eventsFromOTLP(request *collogs.ExportLogsServiceRequest) (events []*tapiov1.Event, path func(i int) string, err error) {
	var paths []string
	for r, ofResource := range request.GetResourceLogs() {
		for s, ofScope := range ofResource.GetScopeLogs() {
			for i, record := range ofScope.GetLogRecords() {
				events = append(events, &tapiov1.Event{
					LogRecord: record,
					Resource:  ofResource.GetResource(), ResourceSchemaUrl: ofResource.GetSchemaUrl(),
					Scope: ofScope.GetScope(), ScopeSchemaUrl: ofScope.GetSchemaUrl(),
				})
				paths = append(paths, fmt.Sprintf("resourceLogs[%d].scopeLogs[%d].logRecords[%d]", r, s, i)+inOTLP)
			}
		}
	}
	return events, func(i int) string { return paths[i] }, nil
}

// lineCounter remembers where the lines end that were read but not yet passed: a
// decoder reads ahead.
type lineCounter struct {
	from   io.Reader
	read   int64
	ends   []int64 // offsets of line ends, from the first that was not passed
	passed int
}

func (c *lineCounter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	for at := 0; ; {
		next := bytes.IndexByte(p[at:n], '\n')
		if next < 0 {
			break
		}
		c.ends = append(c.ends, c.read+int64(at+next))
		at += next + 1
	}
	c.read += int64(n)
	return n, err
}

// lineAt is the number of the line, from 1, that the offset is in. Offsets only
// grow.
func (c *lineCounter) lineAt(offset int64) int {
	for len(c.ends) > 0 && c.ends[0] < offset {
		c.ends = c.ends[1:]
		c.passed++
	}
	return c.passed + 1
}
