// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// packer turns batches into what goes over the network. It is of one goroutine.
type packer struct {
	how tapiov1.Compression
	out compressor // of how; it is used again for each batch
}

// compressor is what all kinds of compression have in common.
type compressor interface {
	io.WriteCloser
	Reset(io.Writer)
}

// pack returns the batch with the compressed payload that its events make. Of a
// payload the server takes all or nothing, so events that it might refuse stay
// as they are: the batch itself is returned.
func (p *packer) pack(batch *tapiov1.EventBatch, how tapiov1.Compression) *tapiov1.EventBatch {
	if how == tapiov1.Compression_COMPRESSION_UNSPECIFIED {
		return batch
	}
	request, ok := exportRequest(batch.GetEvents())
	if !ok {
		return batch
	}
	raw, err := proto.Marshal(request)
	if err != nil {
		return batch
	}
	payload, err := p.compress(raw, how)
	if err != nil { // of a kind that is not known here
		return batch
	}
	sum := crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli))
	return &tapiov1.EventBatch{
		BatchId: batch.GetBatchId(), CollectorId: batch.GetCollectorId(), Sequence: batch.GetSequence(),
		Payload: payload, Compression: how, PayloadCrc32C: &sum,
	}
}

func (p *packer) compress(raw []byte, how tapiov1.Compression) ([]byte, error) {
	if p.out == nil || p.how != how {
		out, err := newCompressor(how)
		if err != nil {
			return nil, err
		}
		p.how, p.out = how, out
	}
	var packed bytes.Buffer
	p.out.Reset(&packed)
	if _, err := p.out.Write(raw); err != nil {
		return nil, err
	}
	err := p.out.Close()
	return packed.Bytes(), err
}

func newCompressor(how tapiov1.Compression) (compressor, error) {
	switch how {
	case tapiov1.Compression_COMPRESSION_GZIP:
		return gzip.NewWriterLevel(nil, gzip.BestSpeed)
	case tapiov1.Compression_COMPRESSION_ZSTD:
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	case tapiov1.Compression_COMPRESSION_LZ4:
		return lz4.NewWriter(nil), nil
	case tapiov1.Compression_COMPRESSION_SNAPPY:
		return snappy.NewBufferedWriter(nil), nil
	default:
		return nil, fmt.Errorf("compression %v is not known", how)
	}
}

// uidKey is the attribute by which OTLP carries the id of a record.
const uidKey = semconv.LogRecordUID

// exportRequest puts the events into OTLP's envelope, in their order: neighbours
// of one origin share it. It is not ok for events that do not fit.
func exportRequest(events []*tapiov1.Event) (request *collogs.ExportLogsServiceRequest, ok bool) {
	request = &collogs.ExportLogsServiceRequest{}
	var before *tapiov1.Event
	var scope *logs.ScopeLogs
	for _, event := range events {
		record := event.GetLogRecord()
		if record == nil || !plainID(event.GetId()) {
			return nil, false
		}
		if before == nil || !sameOrigin(before, event) {
			scope = &logs.ScopeLogs{Scope: event.GetScope(), SchemaUrl: event.GetScopeSchemaUrl()}
			request.ResourceLogs = append(request.ResourceLogs, &logs.ResourceLogs{
				Resource: event.GetResource(), SchemaUrl: event.GetResourceSchemaUrl(), ScopeLogs: []*logs.ScopeLogs{scope},
			})
		}
		scope.LogRecords = append(scope.LogRecords, identified(record, event.GetId()))
		before = event
	}
	return request, true
}

// plainID reports whether the server takes the id: up to 128 printable ASCII
// characters, or none.
func plainID(id string) bool {
	for i := range len(id) {
		if id[i] < ' ' || id[i] > '~' {
			return false
		}
	}
	return len(id) <= 128
}

func sameOrigin(a, b *tapiov1.Event) bool {
	return a.GetResourceSchemaUrl() == b.GetResourceSchemaUrl() && a.GetScopeSchemaUrl() == b.GetScopeSchemaUrl() &&
		(a.GetResource() == b.GetResource() || proto.Equal(a.GetResource(), b.GetResource())) &&
		(a.GetScope() == b.GetScope() || proto.Equal(a.GetScope(), b.GetScope()))
}

// identified is the record with the id in place of the one that it has. The
// caller's record stays as it is.
func identified(record *logs.LogRecord, id string) *logs.LogRecord {
	if id == "" {
		return record
	}
	out := proto.CloneOf(record)
	uid := &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: id}}
	for _, kv := range out.GetAttributes() {
		if kv.GetKey() == uidKey {
			kv.Value = uid
			return out
		}
	}
	out.Attributes = append(out.Attributes, &common.KeyValue{Key: uidKey, Value: uid})
	return out
}
