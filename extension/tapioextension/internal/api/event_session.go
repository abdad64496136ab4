// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"sync"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/extension/tapioextension/internal/auth"
	"github.com/tapio/tapio/extension/tapioextension/internal/calls"
	"github.com/tapio/tapio/extension/tapioextension/internal/fanout"
	"github.com/tapio/tapio/extension/tapioextension/internal/stream"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const streamEvents = tapiov1.TapioService_StreamEvents_FullMethodName

// maxSubscriptions bounds the tails of one stream.
const maxSubscriptions = 16

// StreamEvents implements tapiov1.TapioServiceServer. Reading, and with it the
// writes into the pipeline, is one loop: acknowledgements keep their order, and
// a client that does not read them slows down itself only.
func (s *tapioService) StreamEvents(client tapiov1.TapioService_StreamEventsServer) error {
	session := &eventSession{
		service:       s,
		stream:        client,
		subscriptions: map[string]*subscription{},
		failed:        make(chan error, 1),
	}
	defer session.close()
	go func() {
		session.fail(s.events.Calls.Run(streamEvents, func() error { return calls.EachMessage(client, session.receive) }))
	}()
	// Not the end of the context: liveStream ends the stream then, once the write that
	// is under way has been acknowledged.
	return <-session.failed
}

// eventSession is one open stream.
type eventSession struct {
	service *tapioService
	stream  tapiov1.TapioService_StreamEventsServer
	failed  chan error // holds the first end; nil: the client is done

	sending sync.Mutex // a gRPC stream takes one sender at a time

	mu            sync.Mutex // guards what follows
	subscriptions map[string]*subscription
	closed        bool
}

// subscription is one tail on a stream.
type subscription struct {
	cancel context.CancelFunc
	gate   stream.Gate
	pace   *stream.Pacer
}

// receive handles one message of the client. What it writes is passed on before
// the message's memory is used again.
func (s *eventSession) receive(data []byte) error {
	batch, req, err := protoconv.ParseStreamRequest(data)
	if err != nil {
		return err
	}
	if batch != nil {
		return calls.Whole(s.stream.Context(), func() error { return s.take(batch) })
	}
	return s.handle(req)
}

// fail ends the stream; the first reason counts.
func (s *eventSession) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

func (s *eventSession) send(resp *tapiov1.StreamEventsResponse) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	return s.stream.Send(resp)
}

func (s *eventSession) sendEncoded(message *fanout.Message) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	return s.stream.SendMsg(message)
}

func (s *eventSession) handle(req *tapiov1.StreamEventsRequest) error {
	switch m := req.GetMessage().(type) {
	case *tapiov1.StreamEventsRequest_Subscription:
		return s.subscribe(m.Subscription)
	case *tapiov1.StreamEventsRequest_Control:
		return s.control(m.Control)
	default:
		return model.InvalidField("message", "is empty: set event, batch, subscription or control")
	}
}

func (s *eventSession) take(batch *protoconv.Inbound) error {
	field := "batch"
	if batch.Single {
		field = "event"
	}
	ack, err := s.service.events.Answer(s.stream.Context(), batch, field)
	if err != nil {
		return err
	}
	return s.send(&tapiov1.StreamEventsResponse{Message: &tapiov1.StreamEventsResponse_Ack{Ack: ack}})
}

// subscribe begins a tail. The stream itself needs the right to write only, which
// is none to read what others wrote.
func (s *eventSession) subscribe(req *tapiov1.Subscription) error {
	if err := s.service.events.Calls.Guard.Require(s.stream.Context(), auth.ToRead); err != nil {
		return err
	}
	query, start, err := protoconv.SubscriptionQuery(req, s.service.now())
	if err != nil {
		return err
	}
	pace, err := stream.NewPacer(req, "subscription.", s.service.now)
	if err != nil {
		return err
	}
	if start, err = stream.Resume(s.service.store.Epoch(), req.GetResumeToken(), "subscription.", start); err != nil {
		return err
	}
	id := req.GetSubscriptionId()
	sub, ctx, err := s.add(id, pace)
	if err != nil {
		return err
	}
	tail := s.service.store.TailRecords(ctx, query, start)
	deliver := pace.Slowed(ctx, func(events []model.Event, loss *tapiov1.Loss) error {
		if err := sub.gate.Wait(ctx); err != nil {
			return err
		}
		encoded, err := s.service.streams.encoder.Encode(events)
		if err != nil {
			return err
		}
		err = s.sendEncoded(&fanout.Message{
			Within: deliveryOfStream, Field: eventsOfDelivery, Events: encoded,
			Rest: &tapiov1.EventDelivery{SubscriptionId: id, Loss: loss, ResumeToken: stream.ResumeToken(s.service.store.Epoch(), events, loss)},
		})
		if err != nil {
			return err
		}
		return s.sendFindings(events)
	})
	go func() {
		err := s.service.events.Calls.Run(streamEvents, func() error {
			return stream.Follow(ctx, s.service.streams.readers, tail, stream.Following[model.Event]{
				Signal: "logs", Live: pace.BestEffort && stream.IsLive(start), Size: (*model.Event).AnswerSize, Send: deliver,
			})
		})
		if ctx.Err() == nil {
			s.fail(err)
		}
	}()
	return nil
}

// add makes room for a subscription; one of the same id ends.
func (s *eventSession) add(id string, pace *stream.Pacer) (*subscription, context.Context, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, found := s.subscriptions[id]; found {
		old.cancel()
	} else if len(s.subscriptions) == maxSubscriptions {
		return nil, nil, model.InvalidField("subscription.subscription_id",
			"the stream has %d subscriptions, the most there may be: end one, or open another stream", maxSubscriptions)
	}
	ctx, cancel := context.WithCancel(s.stream.Context())
	sub := &subscription{cancel: cancel, pace: pace}
	s.subscriptions[id] = sub
	if s.closed {
		cancel()
	}
	return sub, ctx, nil
}

func (s *eventSession) control(req *tapiov1.StreamControl) error {
	switch req.GetAction() {
	case tapiov1.StreamControl_ACTION_HEARTBEAT:
		return s.heartbeat()
	case tapiov1.StreamControl_ACTION_PAUSE:
		return s.each(req, func(_ string, sub *subscription) { sub.gate.Close() })
	case tapiov1.StreamControl_ACTION_RESUME:
		return s.each(req, func(_ string, sub *subscription) { sub.gate.Open() })
	case tapiov1.StreamControl_ACTION_UNSUBSCRIBE:
		return s.each(req, func(id string, sub *subscription) { sub.cancel(); delete(s.subscriptions, id) })
	case tapiov1.StreamControl_ACTION_CONFIGURE:
		if err := stream.CheckRate("control.", req.GetMaxEventsPerSecond()); err != nil {
			return err
		}
		return s.each(req, func(_ string, sub *subscription) { sub.pace.SetRate(req.GetMaxEventsPerSecond()) })
	default:
		return model.InvalidField("control.action", "must be HEARTBEAT, PAUSE, RESUME, UNSUBSCRIBE or CONFIGURE, is %s", req.GetAction())
	}
}

// each applies do to the subscription meant, or to all.
func (s *eventSession) each(req *tapiov1.StreamControl, do func(string, *subscription)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := req.GetSubscriptionId()
	if id == "" {
		for id, sub := range s.subscriptions {
			do(id, sub)
		}
		return nil
	}
	sub, found := s.subscriptions[id]
	if !found {
		return model.InvalidField("control.subscription_id", "this stream has no subscription %q", id)
	}
	do(id, sub)
	return nil
}

func (s *eventSession) heartbeat() error {
	return s.send(&tapiov1.StreamEventsResponse{Message: &tapiov1.StreamEventsResponse_Heartbeat{
		Heartbeat: &tapiov1.StreamHeartbeat{
			Time:         timestamppb.New(s.service.now()),
			LastSequence: s.service.info.Figures.Stats()[0].LastSeq,
		},
	}})
}

// close ends the tails. The reader ends by itself once the handler returns.
func (s *eventSession) close() {
	s.mu.Lock()
	s.closed = true
	for _, sub := range s.subscriptions {
		sub.cancel()
	}
	s.mu.Unlock()
}
