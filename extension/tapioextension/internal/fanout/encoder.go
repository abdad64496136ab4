// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"sync"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
)

const (
	// keptEvents is how many encoded records are kept, the latest, and maxKeptBytes the
	// longest that is: 8 MiB in all.
	keptEvents   = 1 << 12
	maxKeptBytes = 2 << 10
)

// Encoder encodes each record once for all who are sent it. It is safe for
// concurrent use.
type Encoder struct {
	identify func(*model.Event)

	mu   sync.RWMutex
	kept [keptEvents]keptEvent
}

// keptEvent is a record as an encoded Event of the API.
type keptEvent struct {
	seq     uint64
	encoded []byte
}

// NewEncoder makes an encoder. identify gives a record its id.
func NewEncoder(identify func(*model.Event)) *Encoder { return &Encoder{identify: identify} }

// Encode returns the records as encoded Events, which must not be changed.
func (e *Encoder) Encode(rows []model.Event) ([][]byte, error) {
	list := make([][]byte, len(rows))
	missing := 0
	e.mu.RLock()
	for i := range rows {
		if kept := &e.kept[rows[i].Seq%keptEvents]; kept.seq == rows[i].Seq {
			list[i] = kept.encoded
		} else {
			missing++
		}
	}
	e.mu.RUnlock()
	if missing == 0 {
		return list, nil
	}
	for i := range rows {
		if list[i] != nil {
			continue
		}
		encoded, err := e.encode(rows[i])
		if err != nil {
			return nil, err
		}
		list[i] = encoded
	}
	e.keep(rows, list)
	return list, nil
}

func (e *Encoder) encode(row model.Event) ([]byte, error) {
	e.identify(&row)
	return marshal(protoconv.Event(&row))
}

// marshal repairs texts that protobuf refuses to send.
func marshal(message proto.Message) ([]byte, error) {
	encoded, err := proto.Marshal(message)
	if err != nil && protoconv.RepairText(message) {
		return proto.Marshal(message)
	}
	return encoded, err
}

// keep replaces older records, not newer ones: a reader of the past would leave
// nothing to those of the present.
func (e *Encoder) keep(rows []model.Event, list [][]byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range rows {
		kept := &e.kept[rows[i].Seq%keptEvents]
		if kept.seq < rows[i].Seq && len(list[i]) <= maxKeptBytes {
			*kept = keptEvent{rows[i].Seq, list[i]}
		}
	}
}

// Message is a message of a stream whose records are encoded already. The server's
// codec sends it with Encoded.
type Message struct {
	// Within is the field of the message that all of this stands in; 0: none.
	Within protowire.Number
	// Field is that of the records, Events their encoding.
	Field  protowire.Number
	Events [][]byte
	// Rest is the message without records.
	Rest proto.Message
}

// Encoded returns the message in a buffer of the pool.
func (m *Message) Encoded(pool mem.BufferPool) (mem.BufferSlice, error) {
	rest, err := marshal(m.Rest)
	if err != nil {
		return nil, err
	}
	size := len(rest)
	for _, event := range m.Events {
		size += protowire.SizeTag(m.Field) + protowire.SizeBytes(len(event))
	}
	whole := size
	if m.Within > 0 {
		whole = protowire.SizeTag(m.Within) + protowire.SizeBytes(size)
	}
	buffer := pool.Get(whole)
	out := (*buffer)[:0]
	if m.Within > 0 {
		out = protowire.AppendVarint(protowire.AppendTag(out, m.Within, protowire.BytesType), uint64(size))
	}
	for _, event := range m.Events {
		out = protowire.AppendBytes(protowire.AppendTag(out, m.Field, protowire.BytesType), event)
	}
	out = append(out, rest...)
	*buffer = out
	return mem.BufferSlice{mem.NewBuffer(buffer, pool)}, nil
}
