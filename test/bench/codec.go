// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// rawCodec sends requests that are encoded already, so that the generator costs
// next to nothing, and reads answers as gRPC does.
type rawCodec struct{ encoding.CodecV2 }

func newRawCodec() rawCodec {
	return rawCodec{CodecV2: encoding.GetCodecV2(protocodec.Name)}
}

// Marshal implements encoding.CodecV2. The bytes are not copied: they must not
// change until the answer is there.
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	encoded, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("a request must be encoded, is a %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(encoded)}, nil
}
