// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/gomodule/redigo/redis"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/tapio/tapio/internal/semconv"
)

// ordersList is the list that is the queue.
const ordersList = "orders"

// pollPeriod is how long shipping waits after it found the queue empty.
const pollPeriod = 200 * time.Millisecond

func messagingAttributes(operation string) []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String(semconv.MessagingSystem, "redis"), attribute.String(semconv.MessagingDestinationName, ordersList),
		attribute.String(semconv.MessagingOperationType, operation),
		attribute.String(semconv.ServerAddress, queue), attribute.Int(semconv.ServerPort, 6379),
	}
}

// publish queues an order, with the trace that it belongs to.
func (s *service) publish(ctx context.Context, orders keys) error {
	return s.inSpan(ctx, "send orders", trace.SpanKindProducer, messagingAttributes("send"), func(ctx context.Context) error {
		carrier := propagation.MapCarrier{}
		s.propagation.Inject(ctx, carrier)
		message, err := json.Marshal(carrier)
		if err != nil {
			return err
		}
		_, err = orders.do(ctx, "RPUSH", ordersList, message)
		return err
	})
}

// ship takes orders from the queue, one after the other, until the context is
// done.
func (s *service) ship(ctx context.Context) {
	orders := s.newKeys(queue)
	for ctx.Err() == nil {
		message, err := redis.Bytes(orders.do(ctx, "LPOP", ordersList))
		switch {
		case err == nil:
			s.shipOne(ctx, message)
		case errors.Is(err, redis.ErrNil):
			pause(ctx, pollPeriod)
		case ctx.Err() == nil:
			s.log.ErrorContext(ctx, "take an order from the queue: "+err.Error())
			pause(ctx, time.Second)
		}
	}
}

// shipOne handles one order in the trace of its message.
func (s *service) shipOne(ctx context.Context, message []byte) {
	carrier := propagation.MapCarrier{}
	if err := json.Unmarshal(message, &carrier); err != nil {
		s.log.ErrorContext(ctx, "read an order: "+err.Error())
		return
	}
	ctx = s.propagation.Extract(ctx, carrier)
	_ = s.inSpan(ctx, "process orders", trace.SpanKindConsumer, messagingAttributes("process"), func(ctx context.Context) error {
		takes := 20 * time.Millisecond
		if s.faults.active(queueLag) {
			takes = 2 * time.Second
		}
		work(ctx, takes)
		s.log.InfoContext(ctx, "order shipped")
		return nil
	})
}
