// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tapio/tapio/client"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// crowd writes large batches over several streams, until its context ends, and
// keeps the room for writes full.
func crowd(ctx context.Context, t *testing.T, c *Collector, onFlow func(*tapiov1.FlowControl)) *sync.WaitGroup {
	t.Helper()
	request := &tapiov1.CollectorServiceStreamEventsRequest{Batch: eventBatch("", 0, 4000)}
	var writers sync.WaitGroup
	for range 8 {
		stream, err := apiOf(t, c).collectors.StreamEvents(ctx)
		require.NoError(t, err)
		writers.Go(func() {
			for {
				if stream.Send(request) != nil {
					return // the context has ended
				}
				answer, err := stream.Recv()
				if err != nil {
					return
				}
				if flow := answer.GetFlowControl(); flow != nil {
					onFlow(flow)
				}
			}
		})
	}
	return &writers
}

// A server that has its hands full reports it on every stream, and a client that
// listens sends smaller batches, and loses nothing. When the crowd is gone, it
// says that too.
func TestFlowControlUnderLoad(t *testing.T) {
	t.Parallel()
	c := Start(t, standard, quickBeats, "--set=extensions::tapio::limits::in_flight_size=2MiB")
	var onTheStream atomic.Bool
	under, ease := context.WithCancel(t.Context())
	defer ease()
	writers := crowd(under, t, c, func(flow *tapiov1.FlowControl) {
		if flow.GetReason() != "" {
			onTheStream.Store(true)
		}
	})
	conn := dial(t, c.GRPC, insecure.NewCredentials())
	largest := 0
	w := client.NewWriter(conn, client.WriterOptions{BatchEvents: 50_000, Done: func(r client.Result) { largest = max(largest, len(r.Events)) }})
	flows, once := make(chan *tapiov1.FlowControl, 1), new(atomic.Bool)
	member := client.Member{Collector: &tapiov1.Collector{CollectorId: "listener"}, FlowControl: func(flow *tapiov1.FlowControl) {
		if flow.GetReason() == "" || once.Swap(true) {
			return // the first word under load stays in force
		}
		w.ApplyFlowControl(flow)
		flows <- flow
	}}
	var running sync.WaitGroup
	living, leave := context.WithCancel(t.Context())
	defer running.Wait()
	defer leave()
	running.Go(func() { _ = member.Run(living, conn) })

	var flow *tapiov1.FlowControl
	select {
	case flow = <-flows:
	case <-bounded(t).Done():
		t.Fatal("no flow control arrived")
	}
	require.Contains(t, flow.GetReason(), "limits::in_flight_size")
	require.LessOrEqual(t, flow.GetMaxBatchRecords(), uint32(10_000))
	require.Positive(t, flow.GetMaxBatchRecords())
	require.Positive(t, flow.GetSendInterval().AsDuration())
	const count = 25_000
	for i := range count {
		require.NoError(t, w.Write(bounded(t), event(i, "e2e.flow")))
	}
	eventually(t, callLimit, onTheStream.Load, "writers get flow control on their streams")
	ease()
	writers.Wait()
	require.NoError(t, w.Close(bounded(t)))
	require.LessOrEqual(t, largest, int(flow.GetMaxBatchRecords()), "the client obeys")
	require.EqualValues(t, count, w.Stats().Accepted)
	eventually(t, callLimit, func() bool {
		sent, err := apiAt(conn).collectors.SendEventBatch(bounded(t), &tapiov1.SendEventBatchRequest{Batch: eventBatch("", 0, 1)})
		return err == nil && sent.GetFlowControl().GetReason() == ""
	}, "the memory is free again, and flow control reports it")
}

// A client with a limited rate learns the limit.
func TestFlowControlReportsTheRate(t *testing.T) {
	t.Parallel()
	client := apiOf(t, Start(t, standard, "--set=extensions::tapio::limits::client_bytes_per_second=1000000"))
	sent, err := client.collectors.SendEventBatch(bounded(t), &tapiov1.SendEventBatchRequest{Batch: eventBatch("", 0, 100)})
	require.NoError(t, err)
	require.Greater(t, sent.FlowControl.MaxRecordsPerSecond, 1000.0)
	require.Less(t, sent.FlowControl.MaxRecordsPerSecond, 100_000.0)
}

// paced is a stream that writes and applies flow control.
type paced struct {
	t      *testing.T
	stream tapiov1.TapioService_StreamEventsClient
	next   int
}

func pace(t *testing.T, c *Collector, sub *tapiov1.Subscription) *paced {
	t.Helper()
	stream, err := apiOf(t, c).events.StreamEvents(bounded(t))
	require.NoError(t, err)
	s := &paced{t: t, stream: stream}
	require.NoError(t, stream.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Subscription{Subscription: sub}}))
	return s
}

func (s *paced) control(control *tapiov1.StreamControl) {
	s.t.Helper()
	require.NoError(s.t, s.stream.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Control{Control: control}}))
}

func (s *paced) write(count int) {
	s.t.Helper()
	require.NoError(s.t, sendBatch(s.stream, eventBatch("", s.next, s.next+count)))
	s.next += count
}

// until reads the stream until enough is there, and returns what was delivered
// and how many were held back.
func (s *paced) until(enough func(delivered []int, lost uint64, heartbeats int) bool) (delivered []int, lost uint64) {
	s.t.Helper()
	heartbeats := 0
	for !enough(delivered, lost, heartbeats) {
		answer, err := s.stream.Recv()
		require.NoError(s.t, err)
		delivered = append(delivered, numbers(answer.GetDelivery().GetEvents())...)
		lost += answer.GetDelivery().GetLoss().GetCount()
		if answer.GetHeartbeat() != nil {
			heartbeats++
		}
	}
	return delivered, lost
}

// end reads what is still on its way, such as acknowledgements, and returns why the
// stream ended.
func (s *paced) end() error {
	s.t.Helper()
	for {
		if _, err := s.stream.Recv(); err != nil {
			return err
		}
	}
}

// A subscription that is paused delivers nothing, and goes on where it stopped.
func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	s := pace(t, Start(t, standard), &tapiov1.Subscription{SubscriptionId: "a"})
	s.write(10)
	got, _ := s.until(func(delivered []int, _ uint64, _ int) bool { return len(delivered) == 10 })
	require.Equal(t, sequence(0, 10), got)
	s.control(&tapiov1.StreamControl{Action: tapiov1.StreamControl_ACTION_PAUSE, SubscriptionId: "a"})
	s.write(10)
	s.control(&tapiov1.StreamControl{Action: tapiov1.StreamControl_ACTION_HEARTBEAT})
	got, _ = s.until(func(_ []int, _ uint64, heartbeats int) bool { return heartbeats == 1 })
	require.Empty(t, got, "it is paused")
	s.control(&tapiov1.StreamControl{Action: tapiov1.StreamControl_ACTION_RESUME})
	got, lost := s.until(func(delivered []int, _ uint64, _ int) bool { return len(delivered) == 10 })
	require.Equal(t, sequence(10, 20), got)
	require.Zero(t, lost)
	s.control(&tapiov1.StreamControl{Action: tapiov1.StreamControl_ACTION_UNSUBSCRIBE, SubscriptionId: "a"})
	s.control(&tapiov1.StreamControl{Action: tapiov1.StreamControl_ACTION_PAUSE, SubscriptionId: "a"})
	requireBadField(t, s.end(), "control.subscription_id")
}

// A subscription's rate changes while it runs.
func TestConfigureASubscription(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	s := pace(t, c, &tapiov1.Subscription{
		SubscriptionId: "a", MaxEventsPerSecond: 1, Delivery: tapiov1.DeliveryMode_DELIVERY_MODE_BEST_EFFORT,
	})
	s.write(100)
	delivered, lost := s.until(func(delivered []int, lost uint64, _ int) bool { return uint64(len(delivered))+lost == 100 })
	require.NotZero(t, lost, "of a hundred at once not all pass")
	require.NotEmpty(t, delivered)
	s.control(&tapiov1.StreamControl{Action: tapiov1.StreamControl_ACTION_CONFIGURE, SubscriptionId: "a"})
	s.write(100)
	delivered, lost = s.until(func(delivered []int, lost uint64, _ int) bool { return uint64(len(delivered))+lost == 100 })
	require.Zero(t, lost, "without a rate all pass")
	require.Equal(t, sequence(100, 200), delivered)
	s.control(&tapiov1.StreamControl{Action: tapiov1.StreamControl_ACTION_CONFIGURE, MaxEventsPerSecond: -1})
	requireBadField(t, s.end(), "control.max_events_per_second")
}
