// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// maxZstdWindow is what RFC 8878 wants every decoder to support; a larger
// window lets a few bytes claim much memory.
const maxZstdWindow = 8 << 20

// Payload verifies and unpacks the payload of a batch; field is the path of the
// batch in the request. The result has at most maxBytes bytes: of a longer one
// no more is unpacked, and the error is ErrPayloadTooLarge. A result that was
// not compressed shares the batch's memory.
func Payload(b *tapiov1.EventBatch, field string, maxBytes int) ([]byte, error) {
	if err := checkBatch(b); err != nil {
		return nil, within(field, err)
	}
	if err := knownEnum("compression", b.GetCompression()); err != nil {
		return nil, within(field, err)
	}
	if got := crc32c(b.GetPayload()); b.PayloadCrc32C != nil && got != b.GetPayloadCrc32C() {
		return nil, within(field, model.InvalidField("payload_crc32c",
			"is %08x, but that of payload is %08x: compute CRC-32C after compression and send the batch again",
			b.GetPayloadCrc32C(), got))
	}
	out, err := unpack(b, maxBytes)
	if errors.Is(err, ErrPayloadTooLarge) {
		return nil, fmt.Errorf("%s: %w: at most %d bytes unpacked; send several batches",
			joinPath(field, "payload"), err, maxBytes)
	}
	return out, within(field, err)
}

func unpack(b *tapiov1.EventBatch, maxBytes int) ([]byte, error) {
	if b.GetCompression() == tapiov1.Compression_COMPRESSION_UNSPECIFIED {
		if len(b.GetPayload()) > maxBytes {
			return nil, ErrPayloadTooLarge
		}
		return b.GetPayload(), nil
	}
	unpacked, err := unpacker(b)
	if err != nil {
		return nil, notCompressed(b, err)
	}
	defer unpacked.Close()
	// One byte more than allowed distinguishes "full" from "too long".
	out, err := io.ReadAll(io.LimitReader(unpacked, int64(maxBytes)+1))
	switch {
	case len(out) > maxBytes, errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return nil, ErrPayloadTooLarge
	case err != nil:
		return nil, notCompressed(b, err)
	default:
		return out, nil
	}
}

// unpacker decodes as it is read, in the calling goroutine. The caller closes
// it.
func unpacker(b *tapiov1.EventBatch) (io.ReadCloser, error) {
	packed := bytes.NewReader(b.GetPayload())
	switch b.GetCompression() {
	case tapiov1.Compression_COMPRESSION_GZIP:
		return gzip.NewReader(packed)
	case tapiov1.Compression_COMPRESSION_ZSTD:
		decoder, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, err
		}
		return decoder.IOReadCloser(), nil
	case tapiov1.Compression_COMPRESSION_LZ4:
		return io.NopCloser(lz4.NewReader(packed)), nil
	default:
		return io.NopCloser(snappy.NewReader(packed)), nil
	}
}

func notCompressed(b *tapiov1.EventBatch, err error) error {
	return model.InvalidField("payload", "cannot be decompressed as %v: %v", b.GetCompression(), err)
}
