// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"io"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// packers make the streams of each compression.
func packers() map[string]func(io.Writer) (io.WriteCloser, error) {
	return map[string]func(io.Writer) (io.WriteCloser, error){
		"gzip":   func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		"zstd":   func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
		"lz4":    func(w io.Writer) (io.WriteCloser, error) { return lz4.NewWriter(w), nil },
		"snappy": func(w io.Writer) (io.WriteCloser, error) { return snappy.NewBufferedWriter(w), nil },
	}
}

func pack(t *testing.T, how string, raw []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := packers()[how](&out)
	require.NoError(t, err)
	_, err = w.Write(raw)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// messagePacker compresses what one connection sends. gRPC calls this kind of
// compressor old; the new kind is one for the whole process.
type messagePacker struct {
	t   *testing.T
	how string
}

func (p messagePacker) Do(w io.Writer, raw []byte) error {
	_, err := w.Write(pack(p.t, p.how, raw))
	return err
}

func (p messagePacker) Type() string { return p.how }

// messageUnpacker reads the answers, which come as the requests went.
type messageUnpacker struct{ how string }

func (p messageUnpacker) Do(r io.Reader) ([]byte, error) {
	switch p.how {
	case "zstd":
		decoder, err := zstd.NewReader(r)
		if err != nil {
			return nil, err
		}
		defer decoder.Close()
		return io.ReadAll(decoder)
	case "snappy":
		return io.ReadAll(snappy.NewReader(r))
	default:
		decoder, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(decoder)
	}
}

func (p messageUnpacker) Type() string { return p.how }

func TestEveryCompression(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	info, err := apiOf(t, c).collectors.GetServerInfo(bounded(t), &tapiov1.GetServerInfoRequest{})
	require.NoError(t, err)
	require.Equal(t, []string{"gzip", "lz4", "snappy", "zstd"}, info.MessageEncodings)
	codecs := map[string]tapiov1.Compression{
		"gzip": tapiov1.Compression_COMPRESSION_GZIP, "zstd": tapiov1.Compression_COMPRESSION_ZSTD,
		"lz4": tapiov1.Compression_COMPRESSION_LZ4, "snappy": tapiov1.Compression_COMPRESSION_SNAPPY,
	}
	for how, codec := range codecs {
		t.Run(how, func(t *testing.T) {
			name := "e2e.packed." + how
			conn := dial(t, c.GRPC, insecure.NewCredentials(),
				grpc.WithCompressor(messagePacker{t, how}),  //nolint:staticcheck // see messagePacker
				grpc.WithDecompressor(messageUnpacker{how})) //nolint:staticcheck // see messagePacker
			stream, err := apiAt(conn).events.StreamEvents(bounded(t))
			require.NoError(t, err)
			send := func(b *tapiov1.EventBatch) (*tapiov1.BatchAck, error) {
				require.NoError(t, stream.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Batch{Batch: b}}))
				answer, err := stream.Recv()
				return answer.GetAck(), err
			}
			ack, err := send(&tapiov1.EventBatch{BatchId: "message", Events: []*tapiov1.Event{event(1, name)}})
			require.NoError(t, err)
			requireAck(t, ack, "message", 1)

			raw, err := proto.Marshal(lines("writer", 2, 12, name))
			require.NoError(t, err)
			ack, err = send(&tapiov1.EventBatch{BatchId: "payload", Compression: codec, Payload: pack(t, how, raw)})
			require.NoError(t, err)
			requireAck(t, ack, "payload", 10)
			require.Equal(t, sequence(1, 12), stored(t, apiOf(t, c), name))

			// A bomb is refused at the limit: one in a payload by its
			// acknowledgement, one of a message by the end of the stream.
			bomb := make([]byte, 64<<20)
			ack, err = send(&tapiov1.EventBatch{BatchId: "bomb", Compression: codec, Payload: pack(t, how, bomb)})
			require.NoError(t, err)
			require.EqualValues(t, codes.ResourceExhausted, ack.Failures[0].Code, "%v", ack)
			_, err = send(&tapiov1.EventBatch{BatchId: "bomb", Payload: bomb})
			require.Equal(t, codes.ResourceExhausted, status.Code(err), "%v", err)
		})
	}
}
