// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/bench/streamed"
)

const (
	// tailsPerConnection is how many live tails share one connection, as behind a
	// proxy.
	tailsPerConnection = 20
	// tailRate is RATE if it is not set.
	tailRate = 20_000
	// catchUpLimit is how long the tails may take to come to the last record after
	// the writing has ended.
	catchUpLimit = 2 * time.Minute
)

// tails are clients that follow all log records of one collector.
type tails struct {
	all         []*tail
	connections []*grpc.ClientConn
	running     sync.WaitGroup
}

// tail checks that each record is received or reported as a loss.
type tail struct {
	next      atomic.Uint64 // the sequence that is due
	received  atomic.Uint64
	lost      atomic.Uint64
	lag       atomic.Int64 // the longest, in nanoseconds
	following chan struct{}
	err       error // set before the tail ends
}

// measureTails writes RATE log records a second for DURATION while TAILS clients
// follow all of them, and fails if a record reaches a client neither as itself nor as
// part of a reported loss.
func measureTails(ctx context.Context, set settings, out io.Writer) error {
	if set.Rate == 0 {
		set.Rate = tailRate
	}
	with, err := withStore(set)
	if err != nil {
		return err
	}
	c, err := start(ctx, set.Binary, with)
	if err != nil {
		return err
	}
	defer c.stop()
	ctx, cancel := context.WithCancel(ctx)
	var all tails
	defer all.close()
	defer cancel()
	if err := all.open(ctx, c, set.Tails); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d log records a second for %v, %d live tails of all of them, load average before: %s\n\n",
		set.Rate, set.Duration, set.Tails, loadAverage())
	written, err := writeAtRate(ctx, set, c, out)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := all.awaitEnd(ctx, written); err != nil {
		return err
	}
	return all.print(out, c, written, time.Since(began))
}

func (a *tails) open(ctx context.Context, c *collector, count int) error {
	for i := range count {
		if i%tailsPerConnection == 0 {
			conn, err := dial(c.api)
			if err != nil {
				return err
			}
			a.connections = append(a.connections, conn)
		}
		stream, err := follow(ctx, a.connections[len(a.connections)-1])
		if err != nil {
			return fmt.Errorf("open tail %d of %d: %w", i+1, count, err)
		}
		t := &tail{following: make(chan struct{})}
		t.next.Store(1)
		a.all = append(a.all, t)
		a.running.Go(func() { t.err = t.run(stream) })
	}
	for i, t := range a.all {
		select {
		case <-t.following:
		case <-time.After(startLimit):
			return fmt.Errorf("tail %d of %d does not follow after %v", i+1, count, startLimit)
		}
	}
	return nil
}

// follow opens a tail that begins with the next record.
func follow(ctx context.Context, conn *grpc.ClientConn) (grpc.ClientStream, error) {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true},
		tapiov1.ObservabilityService_StreamLogs_FullMethodName, grpc.ForceCodecV2(streamed.NewCodec()))
	if err != nil {
		return nil, err
	}
	return stream, errors.Join(stream.SendMsg(&tapiov1.StreamLogsRequest{ReportPosition: true}), stream.CloseSend())
}

func (a *tails) close() {
	a.running.Wait() // the context ends them
	for _, conn := range a.connections {
		_ = conn.Close() // nothing is under way
	}
}

// awaitEnd waits until each tail knows what became of the last record.
func (a *tails) awaitEnd(ctx context.Context, written uint64) error {
	end := time.Now().Add(catchUpLimit)
	for i, t := range a.all {
		for t.next.Load() <= written {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if time.Now().After(end) {
				return errors.Join(fmt.Errorf("tail %d is at record %d of %d, %v after the last was written", i+1, t.next.Load()-1, written, catchUpLimit), t.err)
			}
			wait(ctx, pollEvery)
		}
	}
	return nil
}

// run reads until the stream ends.
func (t *tail) run(stream grpc.ClientStream) error {
	for {
		var p streamed.Answer
		if err := stream.RecvMsg(&p); err != nil {
			return err
		}
		if p.CaughtUp {
			close(t.following)
		}
		if err := t.take(&p); err != nil {
			return err
		}
	}
}

// take fails if the answer does not go on where the one before ended.
func (t *tail) take(p *streamed.Answer) error {
	next := t.next.Load()
	if p.Lost > 0 {
		if p.LostFrom != next || p.LostTo-p.LostFrom+1 != p.Lost {
			return fmt.Errorf("record %d is due, the reported loss is of %d records, %d to %d", next, p.Lost, p.LostFrom, p.LostTo)
		}
		next += p.Lost
		t.lost.Add(p.Lost)
	}
	if p.Records > 0 {
		if p.First != next || p.Last-p.First+1 != p.Records {
			return fmt.Errorf("record %d is due, %d records came, %d to %d", next, p.Records, p.First, p.Last)
		}
		next += p.Records
		t.received.Add(p.Records)
		lag := time.Now().UnixNano() - int64(p.Oldest)
		t.lag.Store(max(t.lag.Load(), lag))
	}
	t.next.Store(next)
	return nil
}

// writeAtRate returns how many records were acknowledged.
func writeAtRate(ctx context.Context, set settings, c *collector, out io.Writer) (uint64, error) {
	batches, err := otlpBatches(logs)
	if err != nil {
		return 0, err
	}
	l, err := newLoad(ctx, c, set.Senders, batches, otlpLink(logs))
	if err != nil {
		return 0, err
	}
	defer l.close()
	begin := time.Now()
	p := &pacer{begin: begin, end: begin.Add(set.Duration), every: batchEvery(set.Rate, 1)}
	l.run(ctx, func() bool { return p.next(ctx) })
	took := time.Since(begin)
	if trouble := l.trouble(); trouble != "" {
		return 0, errors.New(trouble)
	}
	fmt.Fprintf(out, "Acknowledged %d records in %v, %.0f a second, after %.1f ms (median), %.1f ms (p99)\n",
		l.acknowledged.Load(), took.Round(time.Millisecond), float64(l.acknowledged.Load())/took.Seconds(),
		milliseconds(quantile(l.times, .5)), milliseconds(quantile(l.times, .99)))
	return uint64(l.acknowledged.Load()), ctx.Err()
}

func (a *tails) print(out io.Writer, c *collector, written uint64, took time.Duration) error {
	peak, err := peakMemory(c.process.PID())
	if err != nil {
		return err
	}
	var received, lost uint64
	var lags []time.Duration
	for _, t := range a.all {
		received, lost = received+t.received.Load(), lost+t.lost.Load()
		lags = append(lags, time.Duration(t.lag.Load()))
	}
	due := written * uint64(len(a.all))
	fmt.Fprintf(out, "Due %d: received %d (%.1f %%), reported as lost %d (%.1f %%), unaccounted for %d; all at the end %v after the last was written\n",
		due, received, share(received, due), lost, share(lost, due), due-received-lost, took.Round(time.Millisecond))
	fmt.Fprintf(out, "Longest lag of a tail: %.1f s (median), %.1f s (longest); peak RSS %d MiB; load average after: %s\n",
		quantile(lags, .5).Seconds(), quantile(lags, 1).Seconds(), peak>>20, loadAverage())
	if due != received+lost {
		return fmt.Errorf("%d records reached a tail neither as records nor as a reported loss", due-received-lost)
	}
	return nil
}

func share(part, of uint64) float64 { return float64(part) / float64(max(of, 1)) * 100 }
