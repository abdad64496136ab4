// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tapio/tapio/internal/model"
)

// document is a log record in the OTel mapping.
type document struct {
	Time           json.RawMessage `json:"@timestamp"`
	Observed       json.RawMessage `json:"observed_timestamp"`
	SeverityText   string          `json:"severity_text"`
	SeverityNumber int32           `json:"severity_number"`
	TraceID        string          `json:"trace_id"`
	SpanID         string          `json:"span_id"`
	Attributes     json.RawMessage
	Dropped        uint32 `json:"dropped_attributes_count"`
	EventName      string `json:"event_name"`
	Resource       json.RawMessage
	Scope          json.RawMessage
	Body           struct{ Text, Structured json.RawMessage }
}

// origin is what a document says of its resource or scope.
type origin struct {
	SchemaURL  string `json:"schema_url"`
	Name       string
	Version    string
	Attributes json.RawMessage
	Dropped    uint32 `json:"dropped_attributes_count"`
}

// origins shares what many records of an answer have in common.
type origins struct {
	resources map[string]*model.Resource
	scopes    map[string]*model.Scope
}

func newOrigins() *origins {
	return &origins{resources: map[string]*model.Resource{}, scopes: map[string]*model.Scope{}}
}

// event decodes a hit.
func (o *origins) event(found *hit) (e model.Event, err error) {
	if len(found.Sort) != 2 {
		return e, errors.New("elasticsearch: a document comes without its place in the order")
	}
	sequence, err := found.Sort[1].Int64()
	if err != nil || sequence < 0 {
		return e, fmt.Errorf("elasticsearch: the sequence number %q of a document is no whole number", found.Sort[1])
	}
	var from document
	if err := json.Unmarshal(found.Source, &from); err != nil {
		return e, fmt.Errorf("elasticsearch: document %s is not in the OTel mapping: %w", found.ID, err)
	}
	var timed bool
	if e.Time, timed = timeOf(from.Time); !timed {
		return e, fmt.Errorf("elasticsearch: document %s is not in the OTel mapping: @timestamp is %.40s", found.ID, from.Time)
	}
	e.ObservedTime, _ = timeOf(from.Observed) // zero without one
	e.Seq = uint64(sequence) + 1
	e.SeverityText, e.SeverityNumber, e.Name, e.DroppedAttributes = from.SeverityText, from.SeverityNumber, from.EventName, from.Dropped
	readID(e.TraceID[:], from.TraceID)
	readID(e.SpanID[:], from.SpanID)
	if e.Body, err = bodyOf(&from); err != nil {
		return e, err
	}
	if e.Attributes, err = attributesOf(from.Attributes); err != nil {
		return e, err
	}
	if e.Resource, err = o.resource(from.Resource); err != nil {
		return e, err
	}
	if e.Scope, err = o.scope(from.Scope); err != nil {
		return e, err
	}
	identify(&e, found.ID)
	return e, nil
}

// readID reads an ID in hexadecimal digits; what is none is zero.
func readID(to []byte, text string) {
	if len(text) == hex.EncodedLen(len(to)) {
		if _, err := hex.Decode(to, []byte(text)); err != nil {
			clear(to)
		}
	}
}

// bodyOf decodes the body. Arrays of values that are no maps come in a map of their own.
func bodyOf(from *document) (body model.Value, err error) {
	switch {
	case len(from.Body.Text) > 0:
		return valueOf(from.Body.Text)
	case len(from.Body.Structured) == 0:
		return body, nil
	}
	if body, err = valueOf(from.Body.Structured); err != nil || body.Kind() != model.KindMap {
		return body, err
	}
	items := body.Items()
	if len(items) != 1 || items[0].Key != "value" || items[0].Value.Kind() != model.KindArray {
		return body, nil
	}
	for _, item := range items[0].Value.Items() {
		if item.Value.Kind() != model.KindMap {
			return items[0].Value, nil
		}
	}
	return body, nil
}

// attributesOf decodes attributes; nil for none.
func attributesOf(encoded json.RawMessage) (model.Attributes, error) {
	if len(encoded) == 0 {
		return nil, nil
	}
	value, err := valueOf(encoded)
	if err != nil || len(value.Items()) == 0 || value.Kind() != model.KindMap {
		return nil, err
	}
	return value.Items(), nil
}

func (o *origins) resource(encoded json.RawMessage) (*model.Resource, error) {
	if known := o.resources[string(encoded)]; known != nil {
		return known, nil
	}
	from, attributes, err := originOf(encoded)
	if err != nil {
		return nil, err
	}
	one := &model.Resource{SchemaURL: from.SchemaURL, Attributes: attributes, DroppedAttributes: from.Dropped}
	o.resources[string(encoded)] = one
	return one, nil
}

func (o *origins) scope(encoded json.RawMessage) (*model.Scope, error) {
	if known := o.scopes[string(encoded)]; known != nil {
		return known, nil
	}
	from, attributes, err := originOf(encoded)
	if err != nil {
		return nil, err
	}
	one := &model.Scope{Name: from.Name, Version: from.Version, SchemaURL: from.SchemaURL, Attributes: attributes, DroppedAttributes: from.Dropped}
	o.scopes[string(encoded)] = one
	return one, nil
}

func originOf(encoded json.RawMessage) (from origin, attributes model.Attributes, err error) {
	if len(encoded) > 0 {
		if err := json.Unmarshal(encoded, &from); err != nil {
			return from, nil, fmt.Errorf("elasticsearch: a resource or scope is not in the OTel mapping: %w", err)
		}
	}
	attributes, err = attributesOf(from.Attributes)
	return from, attributes, err
}
