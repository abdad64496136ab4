// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/client"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// figuresOf asks the server how it is.
func figuresOf(t *testing.T, client api) *tapiov1.TapioServiceGetMetricsResponse {
	t.Helper()
	resp, err := client.events.GetMetrics(bounded(t), &tapiov1.TapioServiceGetMetricsRequest{})
	require.NoError(t, err)
	return resp
}

// requireAtRest waits until nothing is left of what clients did.
func requireAtRest(t *testing.T, client api, goroutines uint64) {
	t.Helper()
	eventually(t, callLimit, func() bool {
		f := figuresOf(t, client)
		return f.OpenStreamCount == 0 && f.InFlightBytes == 0 && f.OpenConnectionCount == 1
	}, "no stream, no write and no other connection is left")
	eventually(t, callLimit, func() bool {
		// The runtime's own come and go.
		return figuresOf(t, client).GoroutineCount <= goroutines+5
	}, "no goroutine is left")
}

func sendBatch(stream tapiov1.TapioService_StreamEventsClient, batch *tapiov1.EventBatch) error {
	return stream.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Batch{Batch: batch}})
}

// Clients that vanish in the middle of whatever they do take nothing with them
// that was acknowledged, and leave nothing behind.
func TestVanishingClients(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	watcher := apiOf(t, c)
	before := figuresOf(t, watcher).GoroutineCount
	var acknowledged sync.Map
	var clients sync.WaitGroup
	for i := range 20 {
		clients.Go(func() {
			conn, err := grpc.NewClient(c.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close() // in the middle of the last batches
			stream, err := apiAt(conn).events.StreamEvents(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			for n := range 20 {
				number := 100*i + n
				batch := &tapiov1.EventBatch{BatchId: fmt.Sprint(number), Events: []*tapiov1.Event{event(number, "e2e.vanish")}}
				if err := sendBatch(stream, batch); err != nil {
					t.Error(err)
					return
				}
				if n >= 10 {
					continue // no one waits for these
				}
				if _, err := stream.Recv(); err != nil {
					t.Error(err)
					return
				}
				acknowledged.Store(number, true)
			}
		})
	}
	clients.Wait()
	requireAtRest(t, watcher, before)
	kept := map[int]bool{}
	for _, number := range stored(t, watcher, "e2e.vanish") {
		require.False(t, kept[number], "stored once")
		kept[number] = true
	}
	acknowledged.Range(func(number, _ any) bool {
		require.True(t, kept[number.(int)], "%d was acknowledged", number)
		return true
	})
}

// A connection that speaks no gRPC, or breaks off, harms no one.
func TestGarbageOnTheWire(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	watcher := apiOf(t, c)
	before := figuresOf(t, watcher).GoroutineCount
	preface := "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	for _, garbage := range []string{
		"", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", strings.Repeat("\x00\xff", 50_000), preface,
		preface + strings.Repeat("\xff", 1000), preface + "\x00\x40\x00\x00\x00\x00\x00\x00\x01", "\x16\x03\x01\x02\x00\x01",
	} {
		conn, err := net.Dial("tcp", c.GRPC)
		require.NoError(t, err)
		_, _ = conn.Write([]byte(garbage)) // the server may hang up meanwhile
		require.NoError(t, conn.Close())
	}
	requireAtRest(t, watcher, before)
}

// frozen is a connection that at some moment passes nothing on any more, without
// being closed, as when a cable is pulled.
type frozen struct {
	net.Conn
	cut chan struct{}
}

func (f *frozen) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	select {
	case <-f.cut:
		select {} // for ever; the test's process ends it
	default:
		return n, err
	}
}

func (f *frozen) Write(p []byte) (int, error) {
	select {
	case <-f.cut:
		return len(p), nil
	default:
		return f.Conn.Write(p)
	}
}

// The server finds out that a client is gone without being notified.
func TestHalfOpenConnection(t *testing.T) {
	t.Parallel()
	c := Start(t, standard,
		"--set=extensions::tapio::grpc::keepalive::server_parameters::time=1s",
		"--set=extensions::tapio::grpc::keepalive::server_parameters::timeout=1s")
	watcher := apiOf(t, c)
	before := figuresOf(t, watcher).GoroutineCount
	cut := make(chan struct{})
	conn, err := grpc.NewClient(c.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			inner, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			return &frozen{Conn: inner, cut: cut}, err
		}))
	require.NoError(t, err)
	stream, err := apiAt(conn).events.StreamEvents(t.Context())
	require.NoError(t, err)
	require.NoError(t, sendBatch(stream, eventBatch("one", 0, 1)))
	_, err = stream.Recv()
	require.NoError(t, err)
	require.EqualValues(t, 1, figuresOf(t, watcher).OpenStreamCount)
	close(cut)
	requireAtRest(t, watcher, before)
}

// Packed bytes that are cut or changed are refused by name, and the stream goes
// on.
func TestBadCompression(t *testing.T) {
	t.Parallel()
	client := apiOf(t, Start(t, standard))
	stream, err := client.events.StreamEvents(bounded(t))
	require.NoError(t, err)
	codecs := map[string]tapiov1.Compression{
		"gzip": tapiov1.Compression_COMPRESSION_GZIP, "zstd": tapiov1.Compression_COMPRESSION_ZSTD,
		"lz4": tapiov1.Compression_COMPRESSION_LZ4, "snappy": tapiov1.Compression_COMPRESSION_SNAPPY,
	}
	for how, codec := range codecs {
		sound := pack(t, how, bytes.Repeat([]byte("some text "), 1000))
		changed := bytes.Clone(sound)
		changed[len(changed)/2] ^= 0xff
		for name, payload := range map[string][]byte{"cut": sound[:len(sound)/2], "changed": changed, "none": []byte("not packed")} {
			require.NoError(t, sendBatch(stream, &tapiov1.EventBatch{Payload: payload, Compression: codec}))
			answer, err := stream.Recv()
			require.NoError(t, err)
			require.Len(t, answer.GetAck().GetFailures(), 1, "%s, %s", how, name)
			requireFailure(t, answer.GetAck().Failures[0], -1, "", "payload")
		}
	}
}

// A reload under load loses nothing and stores nothing twice: the client sends
// again what was not acknowledged, and the server knows what it has.
func TestWriterThroughReloads(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	c := Start(t, standard, "--set=extensions::tapio::grpc::endpoint="+address)
	conn := dial(t, address, insecure.NewCredentials())
	w := client.NewWriter(conn, client.WriterOptions{BatchEvents: 20})
	const count = 3000 // as many as one page holds
	for i := range count {
		if i%1000 == 500 {
			c.askReload(t)
		}
		require.NoError(t, w.Write(bounded(t), event(i, "e2e.reload")))
		if i%1000 == 999 {
			c.awaitReady(t)
		}
	}
	require.NoError(t, w.Close(bounded(t)))
	require.Equal(t, sequence(0, count), stored(t, apiAt(conn), "e2e.reload"), "each once, in order")
	require.EqualValues(t, count, w.Stats().Accepted)
	require.NotZero(t, w.Stats().Cuts, "a reload cuts the stream")
}

// Under load SIGTERM ends every stream with a word; what was acknowledged before
// is where the pipeline puts it, here also in a file.
func TestTermUnderLoad(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "out.json")
	config := strings.NewReplacer("exporters:\n", "exporters:\n  file: {path: "+file+"}\n",
		"logs: {receivers: [otlp, tapio], exporters: [tapio]}", "logs: {receivers: [otlp, tapio], exporters: [tapio, file]}").Replace(standard)
	c := Start(t, config)
	var acknowledged sync.Map
	var writers sync.WaitGroup
	ends := make(chan error, 8)
	loaded := make(chan struct{}, 1000)
	for i := range 8 {
		stream, err := apiOf(t, c).events.StreamEvents(t.Context())
		require.NoError(t, err)
		writers.Go(func() { ends <- writeUntilReported(stream, i, &acknowledged, loaded) })
	}
	for range 100 {
		<-loaded
	}
	require.Zero(t, c.Stop(), "it ends in order")
	writers.Wait()
	for range 8 {
		require.Equal(t, codes.Unavailable, status.Code(<-ends), "each gets the status")
	}
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	acknowledged.Range(func(id, _ any) bool {
		require.Contains(t, string(content), `"`+id.(string)+`"`)
		return true
	})
}

// writeUntilReported writes batch after batch and notes what is acknowledged.
func writeUntilReported(stream tapiov1.TapioService_StreamEventsClient, writer int, acknowledged *sync.Map, loaded chan<- struct{}) error {
	for n := 0; ; n++ {
		one := event(n, "e2e.term")
		one.Id = fmt.Sprintf("w%d-%d", writer, n)
		err := sendBatch(stream, &tapiov1.EventBatch{BatchId: one.Id, Events: []*tapiov1.Event{one}})
		if err != nil && err != io.EOF { //nolint:errorlint // Send returns it bare
			return err
		}
		if _, err := stream.Recv(); err != nil {
			return err
		}
		acknowledged.Store(one.Id, true)
		select {
		case loaded <- struct{}{}:
		default:
		}
	}
}
