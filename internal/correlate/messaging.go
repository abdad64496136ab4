// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// A consumer runs some time after its producer, in the same trace or in another one with a link to it.
// The time that a message waits is the lag of the consumer. A producer's trace without a consumer is
// not incomplete.

const (
	producedCost = 128
	// producedMost bounds the messages that are remembered until they are consumed.
	producedMost = 1 << 14
)

// produced is a message that was sent.
type produced struct {
	time     model.Nanos
	producer string
	to       string // queue or topic
}

// observeMessage records a message that a producer sends and, for a consumer, how long the message
// waited.
func (l *learner) observeMessage(s *model.Span, from *service) {
	switch s.Kind {
	case kindProducer:
		l.graph.produced.Set(s.SpanID, produced{time: s.Start, producer: from.name, to: bound.Copy(destinationOf(s))})
	case kindConsumer:
		message := l.graph.produced.Peek(s.ParentID)
		for i := 0; i < len(s.Links) && message == nil; i++ {
			message = l.graph.produced.Peek(s.Links[i].SpanID)
		}
		if message == nil || message.producer == from.name || s.Start < message.time {
			return
		}
		to := cmp.Or(message.to, destinationOf(s), "messages")
		d := l.graph.dependency(to, from.name, "lag")
		d.lag = true
		slot, waited := l.time.Of(s.Start), baseline.Logarithm(uint64(s.Start-message.time))
		d.tail.Take(slot, waited, 1)
		d.failures.Observe(slot, baseline.Count{N: 1})
		d.evidence.add(reference{trace: s.TraceID, span: s.SpanID, time: s.Start})
		l.graph.call(from.name, to)
		l.graph.call(message.producer, to)
	}
}

// destinationOf is the queue or topic of a message.
func destinationOf(s *model.Span) string {
	return s.Attributes.FirstText(semconv.MessagingDestinationName, semconv.MessagingDestination, semconv.MessagingKafkaTopic)
}
