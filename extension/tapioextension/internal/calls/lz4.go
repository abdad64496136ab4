// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"io"

	"github.com/pierrec/lz4/v4"
	"google.golang.org/grpc"
)

// LZ4Encoding is the name of the message encoding: LZ4 frames.
const LZ4Encoding = "lz4"

// lz4Decompressor reads messages in LZ4 frames. It is an option of our own server
// because the registry of encodings is one for the whole process and wants an
// init function, which would change every other gRPC server of the collector.
type lz4Decompressor struct{ maxBytes int }

var _ grpc.Decompressor = lz4Decompressor{} //nolint:staticcheck // see above; gRPC promises to keep it throughout 1.x

// Do implements grpc.Decompressor. Of a longer message it unpacks one byte more
// than the server takes, at which gRPC refuses it with RESOURCE_EXHAUSTED.
func (d lz4Decompressor) Do(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(lz4.NewReader(r), int64(d.maxBytes)+1))
}

// Type implements grpc.Decompressor.
func (lz4Decompressor) Type() string { return LZ4Encoding }
