// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Two bytes of a request can become a log record of several hundred, so its
// length indicates little about the memory that decoding takes. A Scale estimates
// that memory from the encoded bytes, without decoding them.

// What one decoded message takes, in bytes: as pdata, as a row of ours, and the
// room that growing lists leave behind.
const (
	weightOrigin   = 512 // a resource or scope with its lists
	weightRecord   = 640
	weightSpan     = 960
	weightOfSpan   = 256 // an event or a link
	weightKeyValue = 192
	weightValue    = 96 // an item of an array
	weightMetric   = 512
	weightPoint    = 640
	weightQuantile = 96
	weightExemplar = 256
	// weightProfile is for a profile, weightProfileEntry for a sample or an entry of a
	// table, and weightIndex for a byte of the indexes that these consist of, which
	// become eight.
	weightProfile      = 512
	weightProfileEntry = 256
	weightIndex        = 8
	// weightPprofSample is for a sample of a pprof file, in each form that it has on its
	// way into the store.
	weightPprofSample = 1024
	// weightByte is for texts, packed numbers, and the request itself.
	weightByte = 2
	// weightJSON is for each object of a request in JSON. An attribute is two.
	weightJSON = 256
)

// maxDepth is how many messages a request may have inside one another. pdata
// decodes by recursion, and Go cannot survive the stack overflow that a request a
// million deep brings about.
const maxDepth = 512

// The errors of Scale.
var (
	// ErrTooDeep refuses values nested so deep that decoding them could overflow the stack.
	ErrTooDeep = errors.New("values are nested more than 500 deep: flatten them")
	errBroken  = errors.New("is not a protobuf message")
)

// shape is a kind of message: what it takes, and which of its fields are
// messages in turn.
type shape struct {
	weight  int
	fields  [maxField + 1]*shape
	old     *shape // of oldField
	isValue bool   // an AnyValue, which is mostly a text
}

// maxField is the highest number of a field that is a message, but for oldField,
// which early OTLP used for scopes.
const (
	maxField = 13
	oldField = 1000
)

// byNumber is the messages in a message, by the number of their field.
type byNumber = [maxField + 1]*shape

// Scale weighs requests. It is safe for concurrent use.
type Scale struct {
	logs, traces, metrics, profiles, pprof, event, events *shape
}

// NewScale makes a Scale.
func NewScale() *Scale {
	value := &shape{isValue: true}
	keyValue := &shape{weight: weightKeyValue, fields: byNumber{2: value}}
	array := &shape{fields: byNumber{1: &shape{weight: weightValue}}}
	list := &shape{fields: byNumber{1: keyValue}}
	value.fields = byNumber{5: array, 6: list}
	array.fields[1].fields = value.fields
	origins := origins{
		resource: &shape{fields: byNumber{1: keyValue, 3: &shape{weight: weightOfSpan}}},
		scope:    &shape{fields: byNumber{3: keyValue}},
	}
	record := &shape{weight: weightRecord, fields: byNumber{5: value, 6: keyValue}}
	ofSpan := &shape{weight: weightOfSpan, fields: byNumber{3: keyValue, 4: keyValue}}
	span := &shape{weight: weightSpan, fields: byNumber{9: keyValue, 11: ofSpan, 13: ofSpan}}
	event := &shape{fields: byNumber{2: record, 3: origins.resource, 5: origins.scope}, weight: 2 * weightOrigin}
	return &Scale{
		logs: origins.request(record), traces: origins.request(span), metrics: origins.request(metricShape(keyValue)),
		profiles: profilesShape(origins, value),
		pprof:    pprofShape(),
		event:    event, events: &shape{fields: byNumber{2: event}},
	}
}

// origins is what the requests of all signals have in common.
type origins struct{ resource, scope *shape }

// request is an export request whose scopes hold items of this shape.
func (o origins) request(item *shape) *shape {
	ofScope := &shape{weight: weightOrigin, fields: byNumber{1: o.scope, 2: item}}
	ofResource := &shape{weight: weightOrigin, fields: byNumber{1: o.resource, 2: ofScope}, old: ofScope}
	return &shape{fields: byNumber{1: ofResource}}
}

func metricShape(keyValue *shape) *shape {
	exemplar := &shape{weight: weightExemplar, fields: byNumber{7: keyValue}}
	point := func(attributes, exemplars int) *shape {
		p := &shape{weight: weightPoint}
		p.fields[attributes], p.fields[exemplars] = keyValue, exemplar
		return p
	}
	data := func(point *shape) *shape { return &shape{fields: byNumber{1: point}} }
	summary := &shape{weight: weightPoint, fields: byNumber{7: keyValue, 6: &shape{weight: weightQuantile}}}
	number := data(point(7, 5))
	return &shape{weight: weightMetric, fields: byNumber{
		5: number, 7: number, 9: data(point(9, 8)), 10: data(point(1, 11)), 11: data(summary), 12: keyValue,
	}}
}

// profilesShape is an ExportProfilesServiceRequest: profiles by resource, and the tables
// that they share.
func profilesShape(o origins, value *shape) *shape {
	entry := &shape{weight: weightProfileEntry}
	attribute := &shape{weight: weightKeyValue, fields: byNumber{2: value}}
	location := &shape{weight: weightProfileEntry, fields: byNumber{3: entry}}
	profile := &shape{weight: weightProfile, fields: byNumber{2: &shape{weight: weightProfileEntry}}}
	request := o.request(profile)
	request.fields[2] = &shape{fields: byNumber{
		1: entry, 2: location, 3: entry, 4: entry, 5: &shape{weight: weightValue, isValue: true}, 6: attribute, 7: entry,
	}}
	return request
}

// pprofShape is a profile in pprof's format, which is read into profiles of OTLP.
func pprofShape() *shape {
	entry := &shape{weight: weightProfileEntry}
	sample := &shape{weight: weightPprofSample, fields: byNumber{3: &shape{weight: weightKeyValue}}}
	return &shape{fields: byNumber{1: entry, 2: sample, 3: entry, 4: &shape{weight: weightProfileEntry, fields: byNumber{4: entry}}, 5: entry}}
}

// Logs weighs an ExportLogsServiceRequest. A request that weighs more than limit is
// not looked at to its end. An error means that it should not be decoded.
func (s *Scale) Logs(request []byte, limit int) (int, error) { return s.logs.weigh(request, limit) }

// Traces weighs an ExportTraceServiceRequest, as Logs does.
func (s *Scale) Traces(request []byte, limit int) (int, error) { return s.traces.weigh(request, limit) }

// Metrics weighs an ExportMetricsServiceRequest, as Logs does.
func (s *Scale) Metrics(request []byte, limit int) (int, error) {
	return s.metrics.weigh(request, limit)
}

// Profiles weighs an ExportProfilesServiceRequest, as Logs does.
func (s *Scale) Profiles(request []byte, limit int) (int, error) {
	weight, err := s.profiles.weigh(request, limit)
	return weight + weightIndex*len(request), err
}

// Pprof weighs a profile in pprof's format, not compressed, as Logs does.
func (s *Scale) Pprof(file []byte, limit int) (int, error) {
	weight, err := s.pprof.weigh(file, limit)
	return weight + 2*weightIndex*len(file), err
}

// Event weighs an Event of this product's own contract, as Logs does.
func (s *Scale) Event(event []byte, limit int) (int, error) { return s.event.weigh(event, limit) }

// Events weighs an EventBatch of this product's own contract, as Logs does.
func (s *Scale) Events(batch []byte, limit int) (int, error) { return s.events.weigh(batch, limit) }

// JSON weighs a request of any signal in JSON.
func (s *Scale) JSON(request []byte) int {
	return weightByte*len(request) + weightJSON*bytes.Count(request, []byte{'{'})
}

// level is a message that the walk is inside of.
type level struct {
	shape *shape
	end   int
}

// weigh walks the messages with a stack of its own.
func (s *shape) weigh(request []byte, limit int) (weight int, err error) {
	weight = weightByte * len(request)
	at, pos := level{s, len(request)}, 0
	var around []level
	for weight <= limit {
		for pos == at.end {
			if len(around) == 0 {
				return weight, nil
			}
			at, around = around[len(around)-1], around[:len(around)-1]
		}
		inner, next := at.next(request, pos)
		switch {
		case next < 0:
			return weight, errBroken
		case inner.shape == nil:
			pos = next
		case len(around) == maxDepth:
			return weight, ErrTooDeep
		default:
			weight += inner.shape.weight
			around = append(around, at)
			at, pos = inner, next
		}
	}
	return weight, nil
}

// next reads the field at pos. It returns the message to walk into, if it is one,
// and where to go on; -1 if there is no valid field.
func (l level) next(request []byte, pos int) (inner level, next int) {
	tag, pos := l.number(request, pos)
	if pos < 0 {
		return level{}, -1
	}
	var length uint64
	var field *shape
	switch tag & 7 {
	case wireVarint:
		_, next = l.number(request, pos)
		return level{}, next
	case wireFixed64:
		length = 8
	case wireFixed32:
		length = 4
	case wireLength:
		if length, pos = l.number(request, pos); pos < 0 {
			return level{}, -1
		}
		field = l.shape.field(tag >> 3)
	default:
		return level{}, -1
	}
	if length > uint64(l.end-pos) {
		return level{}, -1
	}
	end := pos + int(length)
	if field == nil || field.isValue && isText(request[pos:end]) {
		return level{}, end
	}
	return level{field, end}, pos
}

// isText reports whether a message is a value that holds a short text, as most
// do, and nothing else.
func isText(value []byte) bool {
	return len(value) >= 2 && value[0] == 1<<3|wireLength && value[1] < 0x80 && len(value) == 2+int(value[1])
}

// number reads a variable-length number; the position behind it is -1 if there is
// none.
func (l level) number(request []byte, pos int) (number uint64, next int) {
	if pos < l.end && request[pos] < 0x80 {
		return uint64(request[pos]), pos + 1
	}
	number, n := binary.Uvarint(request[pos:l.end])
	if n <= 0 {
		return 0, -1
	}
	return number, pos + n
}

func (s *shape) field(number uint64) *shape {
	switch {
	case number <= maxField:
		return s.fields[number]
	case number == oldField:
		return s.old
	default:
		return nil
	}
}
