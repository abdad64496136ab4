// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/wire"
)

// repairingCodec is gRPC's own codec, but mends texts that protobuf refuses to
// send. It costs nothing as long as there are none.
type repairingCodec struct{ encoding.CodecV2 }

func newCodec() repairingCodec {
	return repairingCodec{CodecV2: encoding.GetCodecV2(protocodec.Name)}
}

// Marshal implements encoding.CodecV2.
func (c repairingCodec) Marshal(v any) (mem.BufferSlice, error) {
	out, err := c.CodecV2.Marshal(v)
	if err == nil {
		return out, nil
	}
	if message, ok := v.(proto.Message); ok && wire.RepairText(message) {
		return c.CodecV2.Marshal(v)
	}
	return nil, err
}
