// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/client"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// unpacking is a server that stores what comes packed, too. Of a payload with
// an event named "bad" it takes nothing, as the real one does of a bad payload.
type unpacking struct {
	tapiov1.UnimplementedTapioServiceServer
	t       *testing.T
	ids     []string
	records []*logsv1.LogRecord
	how     []tapiov1.Compression // of each batch
}

func (u *unpacking) StreamEvents(stream tapiov1.TapioService_StreamEventsServer) error {
	for {
		req, err := stream.Recv()
		if err != nil {
			return err
		}
		batch := req.GetBatch()
		ack := &tapiov1.BatchAck{BatchId: batch.GetBatchId()}
		if len(batch.GetPayload()) > 0 {
			u.takePayload(batch, ack)
		} else {
			u.takeEvents(batch, ack)
		}
		if err := stream.Send(&tapiov1.StreamEventsResponse{Message: &tapiov1.StreamEventsResponse_Ack{Ack: ack}}); err != nil {
			return err
		}
	}
}

func (u *unpacking) takeEvents(batch *tapiov1.EventBatch, ack *tapiov1.BatchAck) {
	u.how = append(u.how, tapiov1.Compression_COMPRESSION_UNSPECIFIED)
	for i, event := range batch.GetEvents() {
		if event.GetLogRecord().GetEventName() == "bad" {
			ack.RejectedCount++
			ack.Failures = append(ack.Failures, &tapiov1.EventFailure{Index: int32(i), Code: int32(codes.InvalidArgument)})
			continue
		}
		ack.AcceptedCount++
		u.ids, u.records = append(u.ids, event.GetId()), append(u.records, event.GetLogRecord())
	}
}

func (u *unpacking) takePayload(batch *tapiov1.EventBatch, ack *tapiov1.BatchAck) {
	assert.Equal(u.t, crc32.Checksum(batch.GetPayload(), crc32.MakeTable(crc32.Castagnoli)), batch.GetPayloadCrc32C())
	assert.NotEmpty(u.t, batch.GetCollectorId(), "by which it is known when it comes again")
	request := &collogs.ExportLogsServiceRequest{}
	raw, err := io.ReadAll(unpacker(u.t, batch))
	assert.NoError(u.t, err)
	assert.NoError(u.t, proto.Unmarshal(raw, request))
	var records []*logsv1.LogRecord
	for _, of := range request.GetResourceLogs() {
		records = append(records, of.GetScopeLogs()[0].GetLogRecords()...)
	}
	for _, record := range records {
		if record.GetEventName() == "bad" {
			ack.RejectedCount = 1
			ack.Failures = []*tapiov1.EventFailure{{Index: -1, Code: int32(codes.InvalidArgument)}}
			return
		}
	}
	u.how = append(u.how, batch.GetCompression())
	for _, record := range records {
		id := ""
		for _, kv := range record.GetAttributes() {
			if kv.GetKey() == "log.record.uid" {
				id = kv.GetValue().GetStringValue()
			}
		}
		u.ids, u.records = append(u.ids, id), append(u.records, record)
	}
	ack.AcceptedCount = uint64(len(records))
}

func unpacker(t *testing.T, batch *tapiov1.EventBatch) io.Reader {
	from := bytes.NewReader(batch.GetPayload())
	switch batch.GetCompression() {
	case tapiov1.Compression_COMPRESSION_GZIP:
		r, err := gzip.NewReader(from)
		assert.NoError(t, err)
		return r
	case tapiov1.Compression_COMPRESSION_ZSTD:
		r, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1))
		assert.NoError(t, err)
		return r
	case tapiov1.Compression_COMPRESSION_LZ4:
		return lz4.NewReader(from)
	default:
		return snappy.NewReader(from)
	}
}

func (u *unpacking) serve(t *testing.T) *grpc.ClientConn {
	u.t = t
	return serve(t, func(server *grpc.Server) { tapiov1.RegisterTapioServiceServer(server, u) })
}

// fromService is an event with an origin, an id, and an id of its record's own.
func fromService(i int, service string) *tapiov1.Event {
	e := event(i)
	e.LogRecord.Attributes = []*common.KeyValue{{Key: "log.record.uid"}, {Key: "n"}}
	e.Resource = &resource.Resource{Attributes: []*common.KeyValue{{
		Key: "service.name", Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: service}},
	}}}
	return e
}

func TestWriterPacksAsItIsAsked(t *testing.T) {
	for _, how := range []tapiov1.Compression{
		tapiov1.Compression_COMPRESSION_GZIP, tapiov1.Compression_COMPRESSION_ZSTD,
		tapiov1.Compression_COMPRESSION_LZ4, tapiov1.Compression_COMPRESSION_SNAPPY,
	} {
		t.Run(how.String(), func(t *testing.T) {
			server := &unpacking{}
			w := client.NewWriter(server.serve(t), client.WriterOptions{BatchEvents: 10, Compression: how})
			write := func(from, to int) {
				for i := from; i < to; i++ {
					require.NoError(t, w.Write(bounded(t), fromService(i, []string{"a", "b"}[i/3%2])))
				}
				require.NoError(t, w.Flush(bounded(t)))
			}
			write(0, 30)
			assert.NotContains(t, server.how, tapiov1.Compression_COMPRESSION_UNSPECIFIED)
			w.ApplyFlowControl(&tapiov1.FlowControl{}) // the server wants no compression now
			packed := len(server.how)
			write(30, 40)
			w.ApplyFlowControl(&tapiov1.FlowControl{Compression: how})
			write(40, 50)
			require.NoError(t, w.Close(bounded(t)))
			assert.Contains(t, server.how[packed:], tapiov1.Compression_COMPRESSION_UNSPECIFIED)
			assert.Equal(t, how, server.how[len(server.how)-1])
			for i, id := range server.ids {
				assert.Equal(t, fmt.Sprint(i), id, "in order, with their ids")
			}
			assert.Len(t, server.ids, 50)
			assert.Len(t, server.records[0].GetAttributes(), 2, "an id takes the place of the record's own")
			assert.EqualValues(t, 50, w.Stats().Accepted)
		})
	}
}

// Of a payload that is refused as a whole, the events that are sound are stored
// all the same, and the others are named.
func TestWriterUnpacksWhatIsRefused(t *testing.T) {
	server := &unpacking{}
	var failures []*tapiov1.EventFailure
	w := client.NewWriter(server.serve(t), client.WriterOptions{
		BatchEvents: 10, Window: 1, Compression: tapiov1.Compression_COMPRESSION_ZSTD,
		Done: func(r client.Result) { failures = append(failures, r.Ack.GetFailures()...) },
	})
	for i := range 10 {
		e := event(i)
		if i == 7 {
			e.LogRecord.EventName = "bad"
		}
		require.NoError(t, w.Write(bounded(t), e))
	}
	require.NoError(t, w.Write(bounded(t), &tapiov1.Event{Id: "no\nid", LogRecord: &logsv1.LogRecord{}}))
	require.NoError(t, w.Close(bounded(t)))
	assert.EqualValues(t, 1, w.Stats().Rejected)
	assert.EqualValues(t, 10, w.Stats().Accepted)
	assert.Zero(t, w.Stats().Cuts, "nothing was cut")
	require.Len(t, failures, 1)
	assert.GreaterOrEqual(t, failures[0].GetIndex(), int32(0))
	assert.Contains(t, server.ids, "no\nid", "the server judges ids")
}

// No message is longer than the server takes, whatever the number of events.
func TestWriterKeepsBelowTheLongestMessage(t *testing.T) {
	server := &flaky{trouble: func(int) trouble { return none }}
	conn := server.serve(t)
	const most = 20_000
	w := client.NewWriter(conn, client.WriterOptions{MessageBytes: most})
	for i := range 100 {
		e := event(i)
		e.LogRecord.SeverityText = strings.Repeat("x", 1000)
		require.NoError(t, w.Write(bounded(t), e))
	}
	tooLong := event(100)
	tooLong.LogRecord.SeverityText = strings.Repeat("x", most)
	err := w.Write(bounded(t), tooLong)
	long, ok := errors.AsType[*client.EventTooLongError](err)
	require.True(t, ok, "%v", err)
	assert.Greater(t, long.Bytes, long.Most)
	require.NoError(t, w.Close(bounded(t)))
	assert.Len(t, server.events, 100)
	assert.GreaterOrEqual(t, server.arrivals, 6)
}

// A server that takes less than the writer thinks is no reason to try for ever.
func TestWriterEndsWhereMessagesAreTooLong(t *testing.T) {
	small := &flaky{trouble: func(int) trouble { return none }, stored: map[string]bool{}}
	conn := serveWith(t, func(server *grpc.Server) { tapiov1.RegisterTapioServiceServer(server, small) }, grpc.MaxRecvMsgSize(500))
	w := client.NewWriter(conn, client.WriterOptions{Backoff: quick()})
	e := event(1)
	e.LogRecord.SeverityText = strings.Repeat("x", 1000)
	require.NoError(t, w.Write(bounded(t), e))
	err := w.Close(bounded(t))
	assert.Equal(t, codes.ResourceExhausted, status.Code(err))
	assert.ErrorContains(t, err, "WriterOptions.MessageBytes")
}
