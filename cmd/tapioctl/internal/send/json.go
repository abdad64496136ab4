// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/input"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// jsonInput reads JSON values, of one line or of many. After a value that is not
// JSON it goes on with the line after the one that the value began on.
type jsonInput struct {
	name   string
	source *countingReader
	again  *againReader // what the decoder reads from
	values *json.Decoder
	began  int64 // offset in the source at which values began
}

func newJSONInput(name string, from io.Reader) *jsonInput {
	source := &countingReader{from: from}
	again := &againReader{from: source}
	return &jsonInput{name: name, source: source, again: again, values: json.NewDecoder(again)}
}

func (j *jsonInput) Next() (sendItem, error) {
	for {
		j.values.More() // advances to where the value begins
		start := j.began + j.values.InputOffset()
		item := sendItem{at: place{j.name, j.source.lineAt(start)}}
		var value json.RawMessage
		err := j.values.Decode(&value)
		if errors.Is(err, io.EOF) {
			return item, io.EOF
		}
		if failed := j.source.err; failed != nil {
			return item, exitcode.UsageErrorf("failed to read %s after line %d: %v", j.name, item.at.line, failed)
		}
		if err != nil {
			item.skipFault("not JSON", protoconv.JSONFault(err))
			j.skipLine()
			return item, nil
		}
		item.addEventsOf(value)
		if len(item.events) > 0 || len(item.skipped) > 0 { // else it reports a loss, or is empty
			return item, nil
		}
	}
}

// skipLine goes on behind the line on which the value begins, with a new decoder,
// for one that has failed does not recover. What the old one has read ahead is
// read again.
func (j *jsonInput) skipLine() {
	j.began += j.values.InputOffset()
	ahead, _ := io.ReadAll(j.values.Buffered()) // from memory
	j.again.head = append(ahead, j.again.head...)
	j.began += j.again.dropLine()
	j.values = json.NewDecoder(j.again)
}

// againReader reads its head before it goes on with the source.
type againReader struct {
	head []byte
	from io.Reader
}

func (a *againReader) Read(p []byte) (int, error) {
	if len(a.head) == 0 {
		return a.from.Read(p)
	}
	n := copy(p, a.head)
	a.head = a.head[n:]
	return n, nil
}

// dropLine drops what there is up to and with the next line end, and returns how
// many bytes that were.
func (a *againReader) dropLine() (dropped int64) {
	part := make([]byte, 4<<10)
	for {
		n, err := a.Read(part)
		if end := bytes.IndexByte(part[:n], '\n'); end >= 0 {
			a.head = append(bytes.Clone(part[end+1:n]), a.head...)
			return dropped + int64(end) + 1
		}
		dropped += int64(n)
		if err != nil {
			return dropped
		}
	}
}

// inOTLP ends the path of a record that came without an event around it.
const inOTLP = "#"

// skipFault skips the whole value for a fault in it.
func (s *sendItem) skipFault(reason string, err error) {
	err = withoutEvent(err)
	if fault, ok := errors.AsType[*model.FieldError](err); ok && fault.Field == "body" {
		s.skip(reason, "%s", fault.Problem)
		return
	}
	s.skip(reason, "%v", err)
}

// withoutEvent leaves out of the path what the input does not have.
func withoutEvent(err error) error {
	if fault, ok := errors.AsType[*model.FieldError](err); ok {
		return model.InvalidField(strings.NewReplacer(inOTLP+".log_record", "", inOTLP, "").Replace(fault.Field), "%s", fault.Problem)
	}
	return err
}

// addEventsOf takes the events of one value that the server would accept, and
// skips the others.
func (s *sendItem) addEventsOf(value []byte) {
	events, path, err := decodeEvents(value)
	if err != nil {
		s.skipFault("invalid", err)
		return
	}
	for i, event := range events {
		if _, err := protoconv.EventFromProto(event, path(i)); err != nil {
			s.skipFault("invalid", err)
			continue
		}
		event.Sequence = 0 // given by the store that it came from
		s.events = append(s.events, event)
	}
}

// decodeEvents finds out by its keys what a value is. path names an event in it.
func decodeEvents(value []byte) (events []*tapiov1.Event, path func(i int) string, err error) {
	var keys struct {
		ResourceLogs      json.RawMessage `json:"resourceLogs"`
		ResourceLogsProto json.RawMessage `json:"resource_logs"`
		LogRecord         json.RawMessage `json:"logRecord"`
		LogRecordProto    json.RawMessage `json:"log_record"`
		Logs              json.RawMessage `json:"logs"`
	}
	if err := json.Unmarshal(value, &keys); err != nil {
		return nil, nil, fmt.Errorf("not a JSON object: %.40s", bytes.TrimSpace(value))
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
	b, err := input.ReadLine(value)
	if err != nil && keys.Logs == nil && !bytes.Contains(value, []byte(`"events"`)) {
		err = errors.New("has none of the keys logRecord, events, logs and resourceLogs: " +
			"give events as tapioctl prints them with -o json or -o jsonpb, or OTLP logs")
	}
	return b.Events, func(i int) string { return fmt.Sprintf("%s[%d]", list, i) }, err
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

// countingReader remembers the ends of the lines that were read but not yet
// passed: a decoder reads ahead.
type countingReader struct {
	from   io.Reader
	err    error // of the source, except io.EOF
	read   int64
	ends   []int64 // offsets of line ends, from the first that was not passed
	passed int
}

func (c *countingReader) Read(p []byte) (int, error) {
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
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// lineAt is the number of the line, from 1, that the offset is in. Offsets only
// grow.
func (c *countingReader) lineAt(offset int64) int {
	for len(c.ends) > 0 && c.ends[0] < offset {
		c.ends = c.ends[1:]
		c.passed++
	}
	return c.passed + 1
}
