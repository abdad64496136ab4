// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/segment"
)

// BenchmarkSummarize is what counting a record for the summary of its segment takes.
func BenchmarkSummarize(b *testing.B) {
	rows := newShop().wide(segment.SegmentRows)
	l := newTestLog(b)
	b.ResetTimer()
	for i := 0; i < b.N; i += len(rows) {
		var known atomic.Pointer[summary]
		l.summaries.ofRows(&known, segment.BlockRows, rows)
		require.NotNil(b, known.Load())
	}
}

func newTestLog(b *testing.B) *log[model.Event] {
	b.Helper()
	s, _ := newTestStore(b, 64*mebibyte, 0)
	return s.events
}

// BenchmarkDiscovery asks what there is among TAPIO_BENCH_ROWS log records and a tenth
// as many spans, which come as fast as they are stored, once the summaries are made.
func BenchmarkDiscovery(b *testing.B) {
	n := benchRows(b)
	s, _ := newTestStore(b, 8<<30, 0)
	shop := newShop()
	for range n / 10_000 {
		s.AppendEvents(shop.wide(10_000))
		s.AppendSpans(shop.spans(1000))
	}
	s.events.compactor.Wait()
	s.spans.compactor.Wait()
	logs := model.RecordSelection{Signal: model.SignalLogs}
	some := logs
	some.Filter.Services = []string{"service-3"}
	paging := model.ListPaging{Limit: 1000}
	for name, ask := range map[string]func(context.Context) error{
		"services": func(ctx context.Context) error {
			_, err := s.ListServices(ctx, model.ServiceQuery{Paging: paging})
			return err
		},
		"operations": func(ctx context.Context) error {
			_, err := s.ListOperations(ctx, model.OperationQuery{Paging: paging})
			return err
		},
		"labels": func(ctx context.Context) error {
			_, err := s.ListLabels(ctx, model.LabelQuery{Paging: paging})
			return err
		},
		"values of a label": func(ctx context.Context) error {
			_, err := s.ListLabelValues(ctx, model.LabelQuery{Label: "http.route", Paging: paging})
			return err
		},
		"counts by severity in 60 buckets": func(ctx context.Context) error {
			resolution := time.Duration(shop.now-second(1_700_000_000)) / 60
			_, err := s.CountRecords(ctx, model.CountQuery{Selection: logs, GroupBy: "severity", Resolution: resolution, Limit: 20})
			return err
		},
		"facets": func(ctx context.Context) error {
			_, err := s.GetFacets(ctx, model.FacetQuery{Selection: logs, Limit: 10, MaxLabels: 50})
			return err
		},
		"facets of a service": func(ctx context.Context) error {
			_, err := s.GetFacets(ctx, model.FacetQuery{Selection: some, Limit: 10, MaxLabels: 50})
			return err
		},
		"changes": func(ctx context.Context) error {
			_, err := s.GetChanges(ctx, model.ChangeQuery{Paging: model.Paging{Limit: 100}})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			began := time.Now()
			require.NoError(b, ask(b.Context()))
			first := time.Since(began)
			for b.Loop() {
				require.NoError(b, ask(b.Context()))
			}
			b.ReportMetric(float64(first.Milliseconds()), "ms/first")
		})
	}
}
