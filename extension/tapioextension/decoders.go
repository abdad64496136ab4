// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/config/confighttp"
)

// maxZstdWindow is what every decoder of zstd must support; more is memory that the
// sender chooses.
const maxZstdWindow = 8 << 20

// boundedDecoders replace the decoders of confighttp whose memory the sender
// chooses. The body itself is bounded where it is read, see api.BoundBodies.
func boundedDecoders(maxBytes int) []confighttp.ToServerOption {
	return []confighttp.ToServerOption{
		confighttp.WithDecoder("zstd", func(body io.ReadCloser) (io.ReadCloser, error) {
			decoder, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxZstdWindow))
			if err != nil {
				return nil, err
			}
			return decoder.IOReadCloser(), nil
		}),
		confighttp.WithDecoder("snappy", func(body io.ReadCloser) (io.ReadCloser, error) {
			return decodeSnappy(body, maxBytes)
		}),
	}
}

// snappyStream is how the framed format begins, which some senders use under the name of the block format.
const snappyStream = "\xff\x06\x00\x00sNaPpY"

// decodeSnappy reads at most one byte more than a body may have, so that it is
// refused where it is read.
func decodeSnappy(body io.ReadCloser, maxBytes int) (io.ReadCloser, error) {
	packed, err := io.ReadAll(io.LimitReader(body, int64(snappy.MaxEncodedLen(maxBytes+1))))
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(packed, []byte(snappyStream)) {
		return io.NopCloser(snappy.NewReader(io.MultiReader(bytes.NewReader(packed), body))), nil
	}
	length, err := snappy.DecodedLen(packed)
	if err != nil {
		return nil, err
	}
	if length > maxBytes {
		return io.NopCloser(io.LimitReader(zeros{}, int64(maxBytes)+1)), nil
	}
	decoded, err := snappy.Decode(nil, packed)
	if err != nil {
		return nil, fmt.Errorf("decode snappy: %w", err)
	}
	return io.NopCloser(bytes.NewReader(decoded)), nil
}

// zeros stands for a body that is too long to be decoded.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
