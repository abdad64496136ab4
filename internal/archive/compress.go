// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// maxDecoded bounds what a block or an index may become when it is decompressed.
const maxDecoded = 256 << 20

// compressor compresses blocks. It is for one goroutine at a time.
type compressor struct{ encoder *zstd.Encoder }

func newCompressor() (compressor, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return compressor{}, fmt.Errorf("make a compressor: %w", err)
	}
	return compressor{encoder}, nil
}

// append appends the compressed data to a buffer.
func (c compressor) append(to, data []byte) []byte { return c.encoder.EncodeAll(data, to) }

// decompress returns what a compressor was given.
func decompress(data []byte) ([]byte, error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxDecoded))
	if err != nil {
		return nil, fmt.Errorf("make a decompressor: %w", err)
	}
	defer decoder.Close()
	return decoder.DecodeAll(data, nil)
}
