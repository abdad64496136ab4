// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package streamed reads what matters of a StreamLogsResponse without decoding its
// records, because a thousand clients would take the processors from the server.
package streamed

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// Answer is what is needed of a StreamLogsResponse.
type Answer struct {
	Records, First, Last   uint64 // how many records, and their sequences
	Oldest                 uint64 // time of the first of them, Unix nanoseconds
	Lost, LostFrom, LostTo uint64 // the loss before them; 0: none
	CaughtUp               bool
}

// Codec sends as gRPC does and reads an *Answer.
type Codec struct{ encoding.CodecV2 }

// NewCodec makes a Codec.
func NewCodec() Codec {
	return Codec{CodecV2: encoding.GetCodecV2(protocodec.Name)}
}

// Unmarshal implements encoding.CodecV2.
func (Codec) Unmarshal(data mem.BufferSlice, v any) error {
	into, ok := v.(*Answer)
	if !ok {
		return fmt.Errorf("an answer must be read into an *Answer, is a %T", v)
	}
	encoded := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer encoded.Free()
	return into.read(encoded.ReadOnlyData())
}

// The field numbers of StreamLogsResponse, Loss, Event and LogRecord.
const (
	answerLogs, answerLoss, answerCaughtUp = 1, 2, 5
	lossCount, lossFirst, lossLast         = 2, 3, 4
	eventRecord, eventSequence             = 2, 7
	recordTime                             = 1
)

func (a *Answer) read(encoded []byte) error {
	return fields(encoded, func(number protowire.Number, value uint64, bytes []byte) error {
		switch number {
		case answerLogs:
			return a.readEvent(bytes)
		case answerLoss:
			return a.readLoss(bytes)
		case answerCaughtUp:
			a.CaughtUp = value != 0
		}
		return nil
	})
}

func (a *Answer) readEvent(encoded []byte) error {
	a.Records++
	return fields(encoded, func(number protowire.Number, value uint64, bytes []byte) error {
		switch {
		case number == eventSequence && a.Records == 1:
			a.First, a.Last = value, value
		case number == eventSequence:
			a.Last = value
		case number == eventRecord && a.Records == 1:
			return a.readTime(bytes)
		}
		return nil
	})
}

func (a *Answer) readTime(encoded []byte) error {
	return fields(encoded, func(number protowire.Number, value uint64, _ []byte) error {
		if number == recordTime {
			a.Oldest = value
		}
		return nil
	})
}

func (a *Answer) readLoss(encoded []byte) error {
	return fields(encoded, func(number protowire.Number, value uint64, _ []byte) error {
		switch number {
		case lossCount:
			a.Lost = value
		case lossFirst:
			a.LostFrom = value
		case lossLast:
			a.LostTo = value
		}
		return nil
	})
}

// fields calls each with every field of a message: its number, and its value as a
// number or as bytes.
func fields(encoded []byte, each func(number protowire.Number, value uint64, bytes []byte) error) error {
	for len(encoded) > 0 {
		number, kind, n := protowire.ConsumeTag(encoded)
		if n < 0 {
			return protowire.ParseError(n)
		}
		encoded = encoded[n:]
		var value uint64
		var bytes []byte
		switch kind {
		case protowire.VarintType:
			value, n = protowire.ConsumeVarint(encoded)
		case protowire.Fixed64Type:
			value, n = protowire.ConsumeFixed64(encoded)
		case protowire.BytesType:
			bytes, n = protowire.ConsumeBytes(encoded)
		default:
			n = protowire.ConsumeFieldValue(number, kind, encoded)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		encoded = encoded[n:]
		if err := each(number, value, bytes); err != nil {
			return err
		}
	}
	return nil
}
