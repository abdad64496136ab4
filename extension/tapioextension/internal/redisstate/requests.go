// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package redisstate

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/tapio/tapio/internal/model"
)

const (
	// maxCounts bounds the counts that wait for Redis; requests of further services and
	// minutes are not counted.
	maxCounts     = 10_000
	writeInterval = time.Second
)

type serviceMinute struct {
	service string
	minute  int64 // Unix time of its beginning
}

type requestCount struct{ requests, errors, micros int64 }

// requests are counts that are not written yet.
type requests struct {
	mu     sync.Mutex
	counts map[serviceMinute]requestCount
}

// Span kinds and status of requests, as in OTLP.
const (
	kindServer, kindConsumer = 2, 5
	statusError              = 2
)

// Observe counts the requests that spans of servers and consumers report.
func (s *State) Observe(spans []model.Span) {
	if s == nil || s.config.RequestRetention == 0 {
		return
	}
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	for i := range spans {
		span := &spans[i]
		if span.Kind != kindServer && span.Kind != kindConsumer {
			continue
		}
		at := serviceMinute{span.Resource.Service(), time.Unix(0, int64(span.Start)).Truncate(time.Minute).Unix()}
		count, found := s.requests.counts[at]
		if !found && len(s.requests.counts) >= maxCounts {
			s.dropped.requests.Add(1)
			continue
		}
		count.requests++
		count.micros += int64(span.Duration()) / int64(time.Microsecond)
		if span.StatusCode == statusError {
			count.errors++
		}
		s.requests.counts[at] = count
	}
}

// writeRequests writes the counts until the context ends, and a last time then.
func (s *State) writeRequests(ctx context.Context) {
	ticker := time.NewTicker(writeInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.writeCounts(ctx)
		case <-ctx.Done():
			s.writeCounts(context.WithoutCancel(ctx))
			return
		}
	}
}

// writeCounts adds what was counted. It is one transaction, so that what failed can be
// added again.
func (s *State) writeCounts(ctx context.Context) {
	s.requests.mu.Lock()
	counts := s.requests.counts
	s.requests.counts = map[serviceMinute]requestCount{}
	s.requests.mu.Unlock()
	if len(counts) == 0 {
		return
	}
	if s.do(ctx, func(ctx context.Context, conn redis.Conn) error {
		t := transaction{conn: conn}
		for at, count := range counts {
			key := s.key("red", at.service, strconv.FormatInt(at.minute, 10))
			t.send("HINCRBY", key, "requests", count.requests)
			t.send("HINCRBY", key, "errors", count.errors)
			t.send("HINCRBY", key, "duration_us", count.micros)
			t.send("PEXPIRE", key, s.config.RequestRetention.Milliseconds())
		}
		return t.commit(ctx)
	}) {
		return
	}
	s.requests.mu.Lock()
	defer s.requests.mu.Unlock()
	for at, count := range counts {
		now, found := s.requests.counts[at]
		if !found && len(s.requests.counts) >= maxCounts {
			s.dropped.requests.Add(uint64(count.requests))
			continue
		}
		s.requests.counts[at] = requestCount{now.requests + count.requests, now.errors + count.errors, now.micros + count.micros}
	}
}
