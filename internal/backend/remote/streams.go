// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// position is what every response of a stream reports of its place.
type position interface {
	proto.Message
	GetLoss() *tapiov1.Loss
	GetResumeToken() string
	GetCaughtUp() bool
}

// receiver reads messages of a stream.
func receiver[Row any, Response position](
	r *Reader, receive func() (Response, error), rowsOf func(Response) ([]Row, uint64, error),
) func() (part[Row], error) {
	return func() (p part[Row], err error) {
		response, err := receive()
		if err != nil {
			return p, err
		}
		p.rows, p.last, err = rowsOf(response)
		p.loss = model.Loss{
			Count: response.GetLoss().GetCount(), First: response.GetLoss().GetFirstSequence(), Last: response.GetLoss().GetLastSequence(),
		}
		if p.last == 0 {
			p.last = protoconv.SequenceOf(response.GetResumeToken())
		}
		p.token, p.caughtUp, p.notes = response.GetResumeToken(), response.GetCaughtUp(), r.notesOf(response)
		return p, malformed(err)
	}
}

// TailEvents implements query.Tailer.
func (r *Reader) TailEvents(ctx context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	return newTail(ctx, r, (*model.Event).AnswerSize, start, q.Filter.Time, func(ctx context.Context, from place) (func() (part[model.Event], error), error) {
		request := protoconv.StreamLogsRequest(&q, from.start)
		if request.ResumeToken = from.token; from.token != "" {
			request.Start = nil
		}
		stream, err := r.records.StreamLogs(ctx, request)
		if err != nil {
			return nil, err
		}
		return receiver(r, stream.Recv, func(response *tapiov1.StreamLogsResponse) ([]model.Event, uint64, error) {
			return recordsOf(response.GetLogs(), q.Kind)
		}), nil
	})
}

// recordsOf returns the records of a kind, and the sequence of the last one of any.
func recordsOf(messages []*tapiov1.Event, kind model.RecordKind) (rows []model.Event, last uint64, err error) {
	all, err := protoconv.RecordsOf(messages)
	for i := range all {
		last = all[i].Seq
		if kind.Match(all[i].Name) {
			rows = append(rows, all[i])
		}
	}
	return rows, last, err
}

// TailRecords implements query.Tailer.
func (r *Reader) TailRecords(ctx context.Context, q model.EventQuery, start model.Start) query.Tail[model.Event] {
	return r.TailEvents(ctx, q, start)
}

// TailSpans implements query.Tailer.
func (r *Reader) TailSpans(ctx context.Context, q model.TraceQuery, start model.Start) query.Tail[model.Span] {
	return newTail(ctx, r, (*model.Span).AnswerSize, start, q.Filter.Time, func(ctx context.Context, from place) (func() (part[model.Span], error), error) {
		request := protoconv.StreamTracesRequest(&q, from.start)
		if request.ResumeToken = from.token; from.token != "" {
			request.Start = nil
		}
		stream, err := r.records.StreamTraces(ctx, request)
		if err != nil {
			return nil, err
		}
		return receiver(r, stream.Recv, func(response *tapiov1.StreamTracesResponse) ([]model.Span, uint64, error) {
			spans, err := protoconv.SpansOf(response.GetResourceSpans())
			return spans, response.GetLastSequence(), err
		}), nil
	})
}

// TailPoints implements query.Tailer.
func (r *Reader) TailPoints(ctx context.Context, q model.PointQuery, start model.Start) query.Tail[model.Point] {
	return newTail(ctx, r, (*model.Point).AnswerSize, start, q.Filter.Time, func(ctx context.Context, from place) (func() (part[model.Point], error), error) {
		request := protoconv.StreamPointsRequest(&q, from.start)
		if request.ResumeToken = from.token; from.token != "" {
			request.Start = nil
		}
		stream, err := r.records.StreamMetrics(ctx, request)
		if err != nil {
			return nil, err
		}
		return receiver(r, stream.Recv, func(response *tapiov1.StreamMetricsResponse) ([]model.Point, uint64, error) {
			points, err := protoconv.PointsOf(response.GetResourceMetrics())
			return points, response.GetLastSequence(), err
		}), nil
	})
}
