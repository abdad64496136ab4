// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/tapio/tapio/internal/semconv"
)

func (s *service) cartRoutes() []route {
	carts := s.newKeys(cache)
	return []route{
		{"POST /items", func(r *http.Request) error {
			work(r.Context(), 2*time.Millisecond)
			if err := s.command(r.Context(), carts, "SET", anyCart(), "sku-42"); err != nil {
				return unavailable(err)
			}
			s.log.InfoContext(r.Context(), "item added")
			return nil
		}},
		{"GET /items", func(r *http.Request) error {
			work(r.Context(), 2*time.Millisecond)
			if err := s.command(r.Context(), carts, "GET", anyCart()); err != nil {
				return unavailable(err)
			}
			return nil
		}},
	}
}

func anyCart() string { return fmt.Sprintf("cart:%d", rand.IntN(1000)) }

// command runs one command of the cache, with a span as the instrumentation of a
// driver makes it.
func (s *service) command(ctx context.Context, carts keys, name string, arguments ...any) error {
	attributes := []attribute.KeyValue{
		attribute.String(semconv.DBSystemName, "redis"), attribute.String(semconv.DBOperationName, name),
		attribute.String(semconv.ServerAddress, cache), attribute.Int(semconv.ServerPort, 6379),
	}
	return s.inSpan(ctx, name, trace.SpanKindClient, attributes, func(ctx context.Context) error {
		_, err := carts.do(ctx, name, arguments...)
		return err
	})
}
