// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/tapio/tapio/internal/model"
)

func BenchmarkAppendEvents(b *testing.B) {
	s := New(Limits{Logs: 64 * mebibyte}, time.Now)
	batch := events(1, 1000)
	shared := batch[0].Resource
	for i := range batch {
		batch[i].Resource, batch[i].Scope = shared, batch[0].Scope
		batch[i].Attributes = attributes("http.method", "GET", "http.route", "/cart", "user.id", fmt.Sprint(i))
	}
	b.ReportAllocs()
	for b.Loop() {
		s.AppendEvents(batch)
	}
	b.ReportMetric(float64(b.N)*float64(len(batch))/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkQueryEvents(b *testing.B) {
	s := New(Limits{Logs: 256 * mebibyte}, time.Now)
	for i := range 200 {
		s.AppendEvents(events(i*1000, 1000))
	}
	for name, filter := range map[string]model.Filter{
		"newest":  {},
		"service": {Services: []string{"shop"}},
		"none":    {Services: []string{"nobody"}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := s.QueryEvents(b.Context(), model.EventQuery{Filter: filter, Paging: model.Paging{Limit: 100}})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkQueryTraceByID(b *testing.B) {
	s := New(Limits{Traces: 256 * mebibyte}, time.Now)
	for range 500 {
		s.AppendSpans(spansOfTraces(200, 2))
	}
	query := model.TraceQuery{TraceIDs: []model.TraceID{{15: 7}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.QueryTraces(b.Context(), query); err != nil {
			b.Fatal(err)
		}
	}
}
