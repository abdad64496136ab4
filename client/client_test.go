// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/client"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quick() client.Backoff {
	return client.Backoff{First: time.Millisecond, Max: 5 * time.Millisecond}
}

// flaky is a server that cuts streams and refuses batches as a test wants it,
// and stores each batch once, as the real one does.
type flaky struct {
	tapiov1.UnimplementedTapioServiceServer

	// trouble is asked for each batch that arrives, by its number.
	trouble func(arrival int) trouble

	mu       sync.Mutex
	arrivals int
	stored   map[string]bool
	events   []string
}

type trouble int

const (
	none trouble = iota
	cutBefore
	cutAfter // stored, but not acknowledged
	busy
	deny
)

func (f *flaky) StreamEvents(stream tapiov1.TapioService_StreamEventsServer) error {
	for {
		req, err := stream.Recv()
		if err != nil {
			return err
		}
		ack, err := f.take(req.GetBatch())
		if err != nil {
			return err
		}
		if err := stream.Send(&tapiov1.StreamEventsResponse{Message: &tapiov1.StreamEventsResponse_Ack{Ack: ack}}); err != nil {
			return err
		}
	}
}

func (f *flaky) take(batch *tapiov1.EventBatch) (*tapiov1.BatchAck, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.arrivals++
	ack := &tapiov1.BatchAck{BatchId: batch.GetBatchId(), AcceptedCount: uint64(len(batch.GetEvents()))}
	what := f.trouble(f.arrivals)
	switch what {
	case cutBefore:
		return nil, status.Error(codes.Unavailable, "cut")
	case deny:
		return nil, status.Error(codes.PermissionDenied, "no")
	case busy:
		return &tapiov1.BatchAck{
			BatchId: batch.GetBatchId(), RetryAfter: durationpb.New(time.Millisecond),
			Failures: []*tapiov1.EventFailure{{Index: -1, Code: int32(codes.ResourceExhausted)}},
		}, nil
	}
	key := batch.GetCollectorId() + "/" + batch.GetBatchId()
	if ack.Duplicate = f.stored[key]; !ack.Duplicate {
		f.stored[key] = true
		for _, event := range batch.GetEvents() {
			f.events = append(f.events, event.GetId())
		}
	}
	if what == cutAfter {
		return nil, status.Error(codes.Unavailable, "cut")
	}
	return ack, nil
}

func (f *flaky) serve(t *testing.T) *grpc.ClientConn {
	t.Helper()
	f.stored = map[string]bool{}
	return serve(t, func(server *grpc.Server) { tapiov1.RegisterTapioServiceServer(server, f) })
}

func serve(t *testing.T, register func(*grpc.Server)) *grpc.ClientConn {
	t.Helper()
	return serveWith(t, register)
}

func serveWith(t *testing.T, register func(*grpc.Server), options ...grpc.ServerOption) *grpc.ClientConn {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	server := grpc.NewServer(options...)
	register(server)
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///flaky", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		<-served
	})
	return conn
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// contextEnded is one that has ended.
func contextEnded(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx, cancel
}

func event(i int) *tapiov1.Event {
	return &tapiov1.Event{Id: fmt.Sprint(i), LogRecord: &logsv1.LogRecord{EventName: "e"}}
}

// Through cuts before and after storing, and refusals, every event is stored
// exactly once.
func TestWriterStoresEachOnce(t *testing.T) {
	server := &flaky{trouble: func(arrival int) trouble {
		return []trouble{none, cutBefore, none, cutAfter, none, busy, none}[arrival%7]
	}}
	conn := server.serve(t)
	acknowledged := 0
	w := client.NewWriter(conn, client.WriterOptions{
		BatchEvents: 10, PendingBytes: 2000, Backoff: quick(),
		Done: func(r client.Result) { acknowledged += len(r.Events) },
	})
	const count = 1000
	for i := range count {
		require.NoError(t, w.Write(bounded(t), event(i)))
	}
	require.NoError(t, w.Close(bounded(t)))
	require.ErrorIs(t, w.Write(t.Context(), event(0)), client.ErrClosed)
	seen := map[string]int{}
	for _, id := range server.events {
		seen[id]++
	}
	assert.Len(t, seen, count)
	assert.Len(t, server.events, count, "none twice")
	assert.Equal(t, count, acknowledged)
	stats := w.Stats()
	assert.EqualValues(t, count, stats.Accepted)
	assert.NotZero(t, stats.Duplicates, "a cut after storing is reported as such")
	assert.NotZero(t, stats.Cuts)
}

func TestWriterKeepsTheOrder(t *testing.T) {
	server := &flaky{trouble: func(arrival int) trouble {
		return []trouble{none, none, cutAfter}[arrival%3]
	}}
	w := client.NewWriter(server.serve(t), client.WriterOptions{BatchEvents: 3, Backoff: quick()})
	var want []string
	for i := range 200 {
		require.NoError(t, w.Write(bounded(t), event(i)))
		want = append(want, fmt.Sprint(i))
	}
	require.NoError(t, w.Close(bounded(t)))
	assert.Equal(t, want, server.events)
}

func TestWriterEndsWhereItMayNotWrite(t *testing.T) {
	server := &flaky{trouble: func(int) trouble { return deny }}
	w := client.NewWriter(server.serve(t), client.WriterOptions{Backoff: quick()})
	require.NoError(t, w.Write(bounded(t), event(1)))
	require.Equal(t, codes.PermissionDenied, status.Code(w.Flush(bounded(t))))
	require.Equal(t, codes.PermissionDenied, status.Code(w.Close(bounded(t))))
}

// SubscribeToEvents sends three and is cut.
func (f *flaky) SubscribeToEvents(req *tapiov1.SubscribeToEventsRequest, stream tapiov1.TapioService_SubscribeToEventsServer) error {
	from := 0
	if _, err := fmt.Sscan(req.GetResumeToken(), &from); err != nil && req.GetResumeToken() != "" {
		return err
	}
	for i := from + 1; i <= from+3; i++ {
		resp := &tapiov1.SubscribeToEventsResponse{Events: []*tapiov1.Event{event(i)}, ResumeToken: fmt.Sprint(i)}
		if err := stream.Send(resp); err != nil {
			return err
		}
	}
	return status.Error(codes.Unavailable, "cut")
}

func TestFollowGoesOnBehindWhatWasHandled(t *testing.T) {
	conn := (&flaky{}).serve(t)
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	var got []string
	err := client.Follow(ctx, conn, &tapiov1.SubscribeToEventsRequest{}, quick(), func(r *tapiov1.SubscribeToEventsResponse) error {
		got = append(got, r.GetEvents()[0].GetId())
		if len(got) == 8 {
			cancel()
		}
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"1", "2", "3", "4", "5", "6", "7", "8"}, got[:8])

	stop := fmt.Errorf("enough")
	err = client.Follow(bounded(t), conn, &tapiov1.SubscribeToEventsRequest{}, quick(), func(*tapiov1.SubscribeToEventsResponse) error { return stop })
	require.ErrorIs(t, err, stop)
}
