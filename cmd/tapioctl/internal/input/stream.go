// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package input

import (
	"context"

	"google.golang.org/grpc"

	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// OpenStream opens a stream; receive returns io.EOF at its end.
type OpenStream func(ctx context.Context, start *tapiov1.StreamStart, historyOnly bool) (receive func() (render.Batch, error), err error)

// OpenLogs streams log records, with or without events.
func OpenLogs(client tapiov1.ObservabilityServiceClient, filter *tapiov1.Filter, excludeEvents bool) OpenStream {
	return func(ctx context.Context, start *tapiov1.StreamStart, historyOnly bool) (func() (render.Batch, error), error) {
		stream, err := client.StreamLogs(ctx, &tapiov1.StreamLogsRequest{
			Filter: filter, Start: start, HistoryOnly: historyOnly, ExcludeEvents: excludeEvents,
		})
		return receiving(stream, err, func(m *tapiov1.StreamLogsResponse) render.Batch {
			return render.RecordBatch(m, m.GetLogs(), m.GetLoss())
		})
	}
}

// OpenEvents streams log records that have an event name.
func OpenEvents(client tapiov1.TapioServiceClient, filter *tapiov1.Filter) OpenStream {
	return func(ctx context.Context, start *tapiov1.StreamStart, historyOnly bool) (func() (render.Batch, error), error) {
		stream, err := client.SubscribeToEvents(ctx,
			&tapiov1.SubscribeToEventsRequest{Filter: filter, Start: start, HistoryOnly: historyOnly})
		return receiving(stream, err, func(m *tapiov1.SubscribeToEventsResponse) render.Batch {
			return render.RecordBatch(m, m.GetEvents(), m.GetLoss())
		})
	}
}

// OpenSpans streams spans.
func OpenSpans(client tapiov1.ObservabilityServiceClient, query *tapiov1.TraceQuery) OpenStream {
	return func(ctx context.Context, start *tapiov1.StreamStart, historyOnly bool) (func() (render.Batch, error), error) {
		stream, err := client.StreamTraces(ctx, &tapiov1.StreamTracesRequest{Query: query, Start: start, HistoryOnly: historyOnly})
		return receiving(stream, err, func(m *tapiov1.StreamTracesResponse) render.Batch {
			return render.Batch{Raw: m, Rows: render.SpanCount(m.GetResourceSpans()), Loss: m.GetLoss(), Last: m.GetLastSequence()}
		})
	}
}

// OpenPoints streams metric points.
func OpenPoints(client tapiov1.ObservabilityServiceClient, query *tapiov1.MetricQuery) OpenStream {
	return func(ctx context.Context, start *tapiov1.StreamStart, historyOnly bool) (func() (render.Batch, error), error) {
		stream, err := client.StreamMetrics(ctx, &tapiov1.StreamMetricsRequest{Query: query, Start: start, HistoryOnly: historyOnly})
		return receiving(stream, err, func(m *tapiov1.StreamMetricsResponse) render.Batch {
			return render.Batch{Raw: m, Rows: len(render.PointsOf(m.GetResourceMetrics())), Loss: m.GetLoss(), Last: m.GetLastSequence()}
		})
	}
}

// receiving turns a stream of the contract into batches.
func receiving[M any](stream grpc.ServerStreamingClient[M], err error, read func(*M) render.Batch) (func() (render.Batch, error), error) {
	if err != nil {
		return nil, err
	}
	return func() (render.Batch, error) {
		m, err := stream.Recv()
		if err != nil {
			return render.Batch{}, err
		}
		return read(m), nil
	}, nil
}
