// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"bytes"
	"compress/gzip"
	"errors"
	"hash/crc32"
	"io"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func pack(t testing.TB, c tapiov1.Compression, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch c {
	case tapiov1.Compression_COMPRESSION_GZIP:
		w = gzip.NewWriter(&out)
	case tapiov1.Compression_COMPRESSION_ZSTD:
		encoder, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
		require.NoError(t, err)
		w = encoder
	case tapiov1.Compression_COMPRESSION_LZ4:
		w = lz4.NewWriter(&out)
	case tapiov1.Compression_COMPRESSION_SNAPPY:
		w = snappy.NewBufferedWriter(&out)
	default:
		return data
	}
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

func TestPayload(t *testing.T) {
	data := bytes.Repeat([]byte("order taken "), 10_000)
	for number, name := range tapiov1.Compression_name {
		t.Run(name, func(t *testing.T) {
			c := tapiov1.Compression(number)
			packed := pack(t, c, data)
			batch := &tapiov1.EventBatch{Payload: packed, Compression: c}
			got, err := Payload(batch, "batch", len(data))
			require.NoError(t, err)
			assert.Equal(t, data, got)

			_, err = Payload(batch, "batch", len(data)-1)
			require.ErrorIs(t, err, ErrPayloadTooLarge)
			assert.Contains(t, err.Error(), "batch.payload: ")

			batch.PayloadCrc32C = proto.Uint32(crc32.Checksum(packed, crc32.MakeTable(crc32.Castagnoli)))
			_, err = Payload(batch, "batch", len(data))
			require.NoError(t, err)
			batch.PayloadCrc32C = proto.Uint32(0)
			_, err = Payload(batch, "batch", len(data))
			requireFault(t, err, "batch.payload_crc32c", "after compression")
		})
	}
}

func TestPayloadFaults(t *testing.T) {
	for number, name := range tapiov1.Compression_name {
		if number == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			c := tapiov1.Compression(number)
			_, err := Payload(&tapiov1.EventBatch{Payload: []byte("plain text"), Compression: c}, "batch", 1000)
			requireFault(t, err, "batch.payload", name)
			packed := pack(t, c, bytes.Repeat([]byte("abcdefgh"), 100))
			_, err = Payload(&tapiov1.EventBatch{Payload: packed[:len(packed)/2], Compression: c}, "batch", 1000)
			requireFault(t, err, "batch.payload", name)
		})
	}
	_, err := Payload(&tapiov1.EventBatch{Payload: []byte{1}, Compression: 5}, "batch", 10)
	requireFault(t, err, "batch.compression", "5 is no value")
	_, err = Payload(&tapiov1.EventBatch{}, "batch", 10)
	requireFault(t, err, "batch.events", "set one of the two")
}

func FuzzPayload(f *testing.F) {
	for number := range tapiov1.Compression_name {
		f.Add(number, pack(f, tapiov1.Compression(number), []byte("some telemetry, some telemetry")))
	}
	f.Fuzz(func(t *testing.T, compression int32, data []byte) {
		const most = 1 << 16
		out, err := Payload(&tapiov1.EventBatch{Payload: data, Compression: tapiov1.Compression(compression)}, "batch", most)
		if err == nil {
			assert.LessOrEqual(t, len(out), most)
			return
		}
		if !errors.Is(err, ErrPayloadTooLarge) {
			var fault *model.FieldError
			require.ErrorAs(t, err, &fault)
			assert.NotEmpty(t, fault.Field)
		}
	})
}
