//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
)

// collector is the running collector and its API.
type collector struct {
	process *running.Process

	conn  *grpc.ClientConn
	tapio tapiov1.TapioServiceClient
	query tapiov1.ObservabilityServiceClient
}

func startCollector(ctx context.Context, s settings, folder string) (*collector, error) {
	// It is stopped after the run, not by the end of ctx.
	process, err := running.Launch(context.WithoutCancel(ctx), running.Command{
		Args: []string{s.binary, "--config", s.config}, Log: filepath.Join(folder, "tapio.log"), Grace: 30 * time.Second,
		Adapt: func(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} },
	})
	if err != nil {
		return nil, err
	}
	c := &collector{process: process}
	c.conn, err = grpc.NewClient("127.0.0.1:4417", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	c.tapio, c.query = tapiov1.NewTapioServiceClient(c.conn), tapiov1.NewObservabilityServiceClient(c.conn)
	for range 60 {
		if _, err = c.tapio.GetServiceInfo(ctx, &tapiov1.GetServiceInfoRequest{}); err == nil {
			return c, nil
		}
		if pause(ctx, 500*time.Millisecond) != nil {
			break
		}
	}
	return nil, fmt.Errorf("the collector does not answer: %w\n%s", err, c.process.LogEnd())
}

// alive returns an error if the process has ended.
func (c *collector) alive() error {
	if c.process.Running() {
		return nil
	}
	return fmt.Errorf("the collector ended with exit code %d while the load ran\n%s", c.process.Wait(), c.process.LogEnd())
}

// stop ends the collector as a service manager does.
func (c *collector) stop() error {
	_ = c.conn.Close()
	if code := c.process.Stop(); code != 0 {
		return fmt.Errorf("the collector ended with exit code %d after SIGTERM, not 0 (-1: it was killed after 30 s)", code)
	}
	return nil
}

// ready is what the log has once all receivers look at the kernel.
const ready = "Everything is ready"

// reload makes the collector read its configuration again, and waits until it is done.
func (c *collector) reload(ctx context.Context) error {
	times := c.logged(ready)
	if err := c.process.Signal(syscall.SIGHUP); err != nil {
		return err
	}
	for range 120 {
		if c.logged(ready) > times {
			return nil
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return nil //nolint:nilerr // the run is over
		}
	}
	return fmt.Errorf("no %q within a minute\n%s", ready, c.process.LogEnd())
}

func (c *collector) logged(text string) int {
	return bytes.Count(c.process.Log(), []byte(text))
}

// residentMiB is VmRSS.
func (c *collector) residentMiB() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.process.PID()))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.Atoi(fields[0]) // the kernel writes a number
	return kib >> 10
}

// panics counts the lines of the log that report a panic.
func (c *collector) panics() int {
	return bytes.Count(bytes.ToLower(c.process.Log()), []byte("panic"))
}

// spans calls visit for each stored span of the last duration that the selector
// selects. It retries while the collector reloads, as clients do.
func (c *collector) spans(ctx context.Context, last time.Duration, key, value string, visit func(*tracev1.Span)) error {
	for range 20 {
		var found []*tracev1.Span
		err := c.trySpans(ctx, last, key, value, func(s *tracev1.Span) { found = append(found, s) })
		if status.Code(err) == codes.Unavailable && pause(ctx, time.Second) == nil {
			continue
		}
		for _, s := range found {
			visit(s)
		}
		return err
	}
	return errors.New("the collector was unavailable 20 times in a row")
}

func (c *collector) trySpans(ctx context.Context, last time.Duration, key, value string, visit func(*tracev1.Span)) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	stream, err := c.query.StreamTraces(ctx, &tapiov1.StreamTracesRequest{
		HistoryOnly: true,
		Start:       &tapiov1.StreamStart{Position: &tapiov1.StreamStart_Since{Since: durationpb.New(last)}},
		Query: &tapiov1.TraceQuery{Filter: &tapiov1.Filter{
			LabelSelectors: []*tapiov1.Filter_LabelSelector{{Key: key, Operator: "=", Values: []string{value}}},
		}},
	})
	if err != nil {
		return err
	}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, resource := range m.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					visit(span)
				}
			}
		}
	}
}

// counter is the sum of the latest points of a metric of the collector itself.
func (c *collector) counter(ctx context.Context, name string) (float64, error) {
	response, err := c.query.GetMetrics(ctx, &tapiov1.GetMetricsRequest{Query: &tapiov1.MetricQuery{
		MetricNames: []string{name}, Aggregation: tapiov1.MetricQuery_AGGREGATION_TYPE_COUNT,
		Filter: &tapiov1.Filter{TimeRange: &tapiov1.TimeRange{Last: durationpb.New(2 * time.Minute)}},
	}})
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, series := range response.GetSeries() {
		for _, point := range series.GetPoints() {
			sum += point.GetValue()
		}
	}
	return sum, nil
}
