// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Inbound is a batch as it came over the wire. Its records stay encoded, for
// they are OTLP already: see Transcoder. It shares the memory of the message.
type Inbound struct {
	// Batch is everything of the batch but its events.
	Batch *tapiov1.EventBatch
	// Single is set for an event that came without a batch.
	Single bool

	events [][]byte
	raw    []byte // what Decode reads
}

// The numbers of the fields that the walks below look for.
const (
	requestEvent = 1 // of StreamEventsRequest
	requestBatch = 2
	soleBatch    = 1 // of CollectorServiceStreamEventsRequest
	batchEvents  = 2 // of EventBatch
	batchPayload = 3
)

// ParseStreamRequest reads a StreamEventsRequest: a batch or an event gives an
// Inbound, anything else the message itself.
func ParseStreamRequest(data []byte) (*Inbound, *tapiov1.StreamEventsRequest, error) {
	number, content, ok := soleField(data)
	switch {
	case ok && number == requestBatch:
		in, err := parseBatch(content)
		return in, nil, err
	case ok && number == requestEvent:
		return &Inbound{Batch: &tapiov1.EventBatch{BatchId: idOf(content)}, Single: true, events: [][]byte{content}, raw: content}, nil, nil
	}
	var message tapiov1.StreamEventsRequest
	if err := unmarshal(data, &message); err != nil {
		return nil, nil, err
	}
	// Parts of one field that came apart are one message again now.
	switch m := message.GetMessage().(type) {
	case *tapiov1.StreamEventsRequest_Batch:
		return whole(m.Batch), nil, nil
	case *tapiov1.StreamEventsRequest_Event:
		raw, err := proto.Marshal(m.Event)
		return &Inbound{Batch: &tapiov1.EventBatch{BatchId: m.Event.GetId()}, Single: true, events: [][]byte{raw}, raw: raw}, nil, err
	default:
		return nil, &message, nil
	}
}

// ParseBatchRequest reads a CollectorServiceStreamEventsRequest.
func ParseBatchRequest(data []byte) (*Inbound, error) {
	if number, content, ok := soleField(data); ok && number == soleBatch {
		return parseBatch(content)
	}
	var message tapiov1.CollectorServiceStreamEventsRequest
	if err := unmarshal(data, &message); err != nil {
		return nil, err
	}
	return whole(message.GetBatch()), nil
}

// whole makes an Inbound of a decoded batch.
func whole(batch *tapiov1.EventBatch) *Inbound {
	raw, err := proto.Marshal(batch)
	if err != nil { // it came over the wire, so it marshals
		raw = nil
	}
	in, err := parseBatch(raw)
	if err != nil {
		return &Inbound{Batch: &tapiov1.EventBatch{}}
	}
	return in
}

// InboundBatch makes an Inbound of a batch that was decoded.
func InboundBatch(batch *tapiov1.EventBatch) *Inbound {
	if len(batch.GetEvents()) > 0 {
		return whole(batch)
	}
	if batch == nil {
		batch = &tapiov1.EventBatch{}
	}
	return &Inbound{Batch: batch, raw: batch.GetPayload()}
}

func unmarshal(data []byte, message proto.Message) error {
	if err := proto.Unmarshal(data, message); err != nil {
		return model.InvalidField("message", "is no %s: %v", message.ProtoReflect().Descriptor().FullName(), err)
	}
	return nil
}

// soleField returns the only field of a message, if it has one, of bytes.
func soleField(data []byte) (protowire.Number, []byte, bool) {
	number, kind, n := protowire.ConsumeTag(data)
	if n < 0 || kind != protowire.BytesType {
		return 0, nil, false
	}
	content, m := protowire.ConsumeBytes(data[n:])
	return number, content, m > 0 && n+m == len(data)
}

// parseBatch reads all but the events and the payload with protobuf, which are
// a few bytes.
func parseBatch(raw []byte) (*Inbound, error) {
	in := &Inbound{Batch: &tapiov1.EventBatch{}, raw: raw}
	var rest, payload []byte
	for data := raw; len(data) > 0; {
		number, kind, value, behind := nextField(data)
		switch {
		case behind == nil:
			return nil, unmarshal(raw, &tapiov1.EventBatch{}) // which reports what is wrong
		case number == batchEvents && kind == protowire.BytesType:
			in.events = append(in.events, value)
		case number == batchPayload && kind == protowire.BytesType:
			payload = value
		default:
			rest = append(rest, data[:len(data)-len(behind)]...)
		}
		data = behind
	}
	if err := unmarshal(rest, in.Batch); err != nil {
		return nil, err
	}
	in.Batch.Payload = payload
	return in, nil
}

// idOf returns the id of an encoded event, "" where it has none.
func idOf(event []byte) string {
	id := ""
	for len(event) > 0 {
		number, kind, value, rest := nextField(event)
		if rest == nil {
			return id
		}
		if number == eventID && kind == protowire.BytesType {
			id = string(value)
		}
		event = rest
	}
	return id
}

// Events is how many events came.
func (in *Inbound) Events() int { return len(in.events) }

// Size is how many bytes came.
func (in *Inbound) Size() int { return len(in.raw) }

// Content is what distinguishes this batch from others of the same id.
func (in *Inbound) Content() []byte { return in.raw }

// Check refuses what is wrong with the batch as a whole; field is its path in
// the request.
func (in *Inbound) Check(field string) error {
	if in.Single {
		return nil
	}
	return within(field, checkEnvelope(in.Batch, len(in.events)))
}

// Decode reads the events one by one, which costs several times what a
// Transcoder does, and reports of each what is wrong with it. Field is the path of the batch,
// or of the single event, in the request.
func (in *Inbound) Decode(field string) ([]model.Event, []*tapiov1.EventFailure, error) {
	if in.Single {
		return in.decodeSingle(field)
	}
	batch := proto.CloneOf(in.Batch)
	batch.Events = make([]*tapiov1.Event, len(in.events))
	for i, raw := range in.events {
		batch.Events[i] = new(tapiov1.Event)
		if err := unmarshal(raw, batch.Events[i]); err != nil {
			return nil, nil, withinItem(joinPath(field, "events"), i, err)
		}
	}
	return EventsFromBatch(batch, field)
}

func (in *Inbound) decodeSingle(field string) ([]model.Event, []*tapiov1.EventFailure, error) {
	var message tapiov1.Event
	if err := unmarshal(in.raw, &message); err != nil {
		return nil, nil, within(field, err)
	}
	event, err := EventFromProto(&message, field)
	if err != nil {
		return nil, nil, err
	}
	return slices.Clip([]model.Event{event}), nil, nil
}
