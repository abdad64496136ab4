// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

// jaegerConfig keeps all traces in memory, as Tapio does.
const jaegerConfig = `
service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines: {traces: {receivers: [otlp], exporters: [jaeger_storage_exporter]}}
  telemetry: {metrics: {level: none}, logs: {encoding: json}}
extensions:
  jaeger_query: {storage: {traces: memory}, http: {endpoint: "localhost:0"}, grpc: {endpoint: "localhost:0"}}
  jaeger_storage: {backends: {memory: {memory: {max_traces: MAX_TRACES}}}}
receivers: {otlp: {protocols: {grpc: {endpoint: "localhost:0"}}}}
exporters: {jaeger_storage_exporter: {trace_storage: memory}}
`

// measureJaeger gives the same spans to bin/tapio and to Jaeger and asks both the same in
// turn.
func measureJaeger(ctx context.Context, set settings, out io.Writer) error {
	if set.MemoryLimit == "" {
		set.MemoryLimit = "1GiB"
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
	shop := newTracedShop(time.Now(), set.Spans)
	jaeger, err := start(ctx, set.Jaeger, config{yaml: strings.ReplaceAll(jaegerConfig, "MAX_TRACES", fmt.Sprint(shop.traces+1))})
	if err != nil {
		return fmt.Errorf("%w: make bin/jaeger builds it", err)
	}
	defer jaeger.stop()
	fmt.Fprintf(out, "%d spans in %d traces of %d services over %v; load average before: %s\n",
		shop.traces*len(tracedCalls()), shop.traces, tracedServices, shop.span, loadAverage())
	if err := errors.Join(shop.send(ctx, c.otlp), shop.send(ctx, jaeger.otlp)); err != nil {
		return err
	}
	ours, err1 := peakMemory(c.process.PID())
	theirs, err2 := peakMemory(jaeger.process.PID())
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	fmt.Fprintf(out, "resident at most: tapio %d MiB, jaeger %d MiB\n", ours>>20, theirs>>20)
	peers := [2]peer{{"tapio", "http://" + c.http + "/api/"}, {"jaeger", "http://" + jaeger.http + "/api/"}}
	profiled := profile(ctx, set, variant{name: "tapio", signal: "jaeger"}, c)
	return errors.Join(comparePeers(ctx, set, peers, jaegerQuestions(shop), out), <-profiled)
}

// jaegerQuestions are what Jaeger UI and Grafana ask.
func jaegerQuestions(shop *tracedShop) []peerQuestion {
	micros := func(t time.Time) string { return fmt.Sprint(t.UnixMicro()) }
	search := func(name string, more ...string) peerQuestion {
		form := url.Values{
			"service": {tracedService(0)}, "limit": {"20"},
			"start": {micros(shop.end.Add(-shop.span - time.Minute))}, "end": {micros(shop.end.Add(time.Minute))},
		}
		for i := 0; i < len(more); i += 2 {
			form.Set(more[i], more[i+1])
		}
		return peerQuestion{name, "traces", form}
	}
	ends := func(lookback time.Duration) url.Values {
		return url.Values{"endTs": {fmt.Sprint(shop.end.Add(time.Minute).UnixMilli())}, "lookback": {fmt.Sprint(lookback.Milliseconds())}}
	}
	id := hex.EncodeToString(shop.traceID(shop.traces / 2))
	return []peerQuestion{
		{"services", "services", nil},
		{"operations of a service", "services/" + tracedService(0) + "/operations", nil},
		{"trace by id", "traces/" + id, nil},
		search("20 traces of a service"),
		search("20 traces of a service in 5 minutes", "start", micros(shop.end.Add(-5*time.Minute))),
		search("20 traces of an operation", "service", tracedService(3), "operation", tracedOperation(3)),
		search("traces with a status code", "tags", `{"http.response.status_code":"500"}`),
		search("traces of a rare tag", "tags", fmt.Sprintf(`{"user.id":%q}`, tracedUser(shop.traces/3))),
		search("traces slower than 1.5 s", "minDuration", "1500ms"),
		{"dependencies of all time", "dependencies", ends(shop.span + time.Hour)},
		{"dependencies of 5 minutes", "dependencies", ends(6 * time.Minute)},
	}
}
