// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/extension/tapioextension/internal/fanout"
	"github.com/tapio/tapio/internal/protoconv"
)

// repairingCodec is gRPC's own codec, but repairs texts that protobuf refuses to
// send. It costs nothing as long as there are none.
type repairingCodec struct{ encoding.CodecV2 }

func newCodec() repairingCodec {
	return repairingCodec{CodecV2: encoding.GetCodecV2(protocodec.Name)}
}

// Marshal implements encoding.CodecV2.
func (c repairingCodec) Marshal(v any) (mem.BufferSlice, error) {
	if message, ok := v.(*fanout.Message); ok {
		return message.Encoded(mem.DefaultBufferPool())
	}
	out, err := c.CodecV2.Marshal(v)
	if err == nil {
		return out, nil
	}
	if message, ok := v.(proto.Message); ok && protoconv.RepairText(message) {
		return c.CodecV2.Marshal(v)
	}
	return nil, err
}

// Unmarshal implements encoding.CodecV2. A *Raw gets the bytes as they
// are.
func (c repairingCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if message, ok := v.(*Raw); ok {
		message.buffer = data.MaterializeToBuffer(mem.DefaultBufferPool())
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

// Raw is a message that was not decoded.
type Raw struct{ buffer mem.Buffer }

// Bytes are valid until Free.
func (r *Raw) Bytes() []byte { return r.buffer.ReadOnlyData() }

// Free gives the memory of the message back.
func (r *Raw) Free() { r.buffer.Free() }

// EachMessage hands every message of a stream to handle, until the client is
// done or an error ends it. The bytes are valid until handle returns.
func EachMessage(stream grpc.ServerStream, handle func(data []byte) error) error {
	for {
		var message Raw
		if err := stream.RecvMsg(&message); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		err := handle(message.buffer.ReadOnlyData())
		message.buffer.Free()
		if err != nil {
			return err
		}
	}
}
