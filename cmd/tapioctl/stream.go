// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// batch is one message of a stream, of whatever signal.
type batch struct {
	raw    proto.Message
	events []*tapiov1.Event // of log records only
	loss   *tapiov1.Loss
	rows   int
	last   uint64 // sequence of the last row; 0: the message has none
}

// openStream opens a stream; receive returns io.EOF at its end.
type openStream func(ctx context.Context, start *tapiov1.StreamStart, historyOnly bool) (receive func() (batch, error), err error)

// openLogs streams log records, with or without events.
func openLogs(client tapiov1.ObservabilityServiceClient, filter *tapiov1.Filter, excludeEvents bool) openStream {
	return func(ctx context.Context, start *tapiov1.StreamStart, historyOnly bool) (func() (batch, error), error) {
		stream, err := client.StreamLogs(ctx, &tapiov1.StreamLogsRequest{
			Filter: filter, Start: start, HistoryOnly: historyOnly, ExcludeEvents: excludeEvents,
		})
		return receiving(stream, err, func(m *tapiov1.StreamLogsResponse) batch { return recordBatch(m, m.GetLogs(), m.GetLoss()) })
	}
}

// openEvents streams log records that have an event name.
func openEvents(client tapiov1.TapioServiceClient, filter *tapiov1.Filter) openStream {
	return func(ctx context.Context, start *tapiov1.StreamStart, historyOnly bool) (func() (batch, error), error) {
		stream, err := client.SubscribeToEvents(ctx,
			&tapiov1.SubscribeToEventsRequest{Filter: filter, Start: start, HistoryOnly: historyOnly})
		return receiving(stream, err, func(m *tapiov1.SubscribeToEventsResponse) batch {
			return recordBatch(m, m.GetEvents(), m.GetLoss())
		})
	}
}

func openSpans(client tapiov1.ObservabilityServiceClient, query *tapiov1.TraceQuery) openStream {
	return func(ctx context.Context, start *tapiov1.StreamStart, historyOnly bool) (func() (batch, error), error) {
		stream, err := client.StreamTraces(ctx, &tapiov1.StreamTracesRequest{Query: query, Start: start, HistoryOnly: historyOnly})
		return receiving(stream, err, func(m *tapiov1.StreamTracesResponse) batch {
			return batch{raw: m, rows: spanCount(m.GetResourceSpans()), loss: m.GetLoss(), last: m.GetLastSequence()}
		})
	}
}

func openPoints(client tapiov1.ObservabilityServiceClient, query *tapiov1.MetricQuery) openStream {
	return func(ctx context.Context, start *tapiov1.StreamStart, historyOnly bool) (func() (batch, error), error) {
		stream, err := client.StreamMetrics(ctx, &tapiov1.StreamMetricsRequest{Query: query, Start: start, HistoryOnly: historyOnly})
		return receiving(stream, err, func(m *tapiov1.StreamMetricsResponse) batch {
			return batch{raw: m, rows: len(pointsOf(m.GetResourceMetrics())), loss: m.GetLoss(), last: m.GetLastSequence()}
		})
	}
}

// receiving turns a stream of the contract into batches.
func receiving[M any](stream grpc.ServerStreamingClient[M], err error, read func(*M) batch) (func() (batch, error), error) {
	if err != nil {
		return nil, err
	}
	return func() (batch, error) {
		m, err := stream.Recv()
		if err != nil {
			return batch{}, err
		}
		return read(m), nil
	}, nil
}

func recordBatch(raw proto.Message, events []*tapiov1.Event, loss *tapiov1.Loss) batch {
	b := batch{raw: raw, events: events, rows: len(events), loss: loss}
	for _, event := range events {
		b.last = max(b.last, event.GetSequence())
	}
	return b
}

// printer prints what a stream brings, in one format.
type printer interface{ print(batch) error }

// streamPrinter is what the printers of all signals have in common.
type streamPrinter struct {
	*app
	format string
	headed bool
}

// printShared prints a loss, which comes before what was not lost, and whole
// messages for the formats that want them so; done: there is no more to print.
func (p *streamPrinter) printShared(b batch) (done bool, err error) {
	if b.loss != nil {
		p.printLoss(b.loss)
	}
	if p.format == "jsonpb" {
		return true, p.printRawJSON(b.raw)
	}
	return false, nil
}

func (p *streamPrinter) printLoss(loss *tapiov1.Loss) {
	p.note("lost %s (sequence %d to %d): %s",
		plural(loss.GetCount(), "record"), loss.GetFirstSequence(), loss.GetLastSequence(), lossReason(loss.GetReason()))
	if p.format == "json" || p.format == "yaml" {
		p.printDocument(p.format, append(appendJSON([]byte(`{"loss":`), loss), '}'))
	}
}

func lossReason(reason tapiov1.Loss_Reason) string {
	switch reason {
	case tapiov1.Loss_REASON_READER_LAPPED:
		return "this reader was slower than the writers; narrow the selection"
	case tapiov1.Loss_REASON_EVICTED:
		return "the store had evicted them before the position asked for"
	case tapiov1.Loss_REASON_RATE_LIMITED:
		return "held back by the subscription's rate limit"
	case tapiov1.Loss_REASON_READER_BEHIND:
		return "this reader was too far behind and was moved on to the newest; narrow the selection"
	default:
		return "the server does not say why"
	}
}

// printHeading prints a heading once: a live stream has no widest cell, so its
// columns are of fixed widths.
func (p *streamPrinter) printHeadingOnce(titles []string, widths []int) {
	if !p.headed {
		p.printHeading(titles, widths)
		p.headed = true
	}
}
