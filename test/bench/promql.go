// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"
)

// measurePromQL gives the same samples to bin/tapio, as OTLP, and to Prometheus, by remote
// write, and asks both the same in turn.
func measurePromQL(ctx context.Context, set settings, out io.Writer) error {
	with, err := withStore(set)
	if err != nil {
		return err
	}
	c, err := start(ctx, set.Binary, with)
	if err != nil {
		return err
	}
	defer c.stop()
	p, err := startPrometheus(ctx, set.Prometheus)
	if err != nil {
		return err
	}
	defer p.stop()
	shop := newMeasuredShop(time.Now().Truncate(time.Minute), set.Points)
	fmt.Fprintf(out, "%d samples of %d series, one a minute for %v; load average before: %s\n",
		shop.samples(), shop.seriesCount(), shop.span(), loadAverage())
	if err := errors.Join(shop.sendOTLP(ctx, c.otlp), shop.sendRemoteWrite(ctx, p.api)); err != nil {
		return err
	}
	peers := [2]peer{{"tapio", "http://" + c.http + "/prometheus/api/v1/"}, {"prometheus", "http://" + p.api + "/api/v1/"}}
	fmt.Fprintf(out, "%s beside %s\n", set.Binary, p.version(ctx))
	profiled := profile(ctx, set, variant{name: "tapio", signal: "promql"}, c)
	return errors.Join(comparePeers(ctx, set, peers, promQuestions(shop), out), <-profiled)
}

func promQuestions(shop *measuredShop) []peerQuestion {
	last := shop.end
	instant := func(name, query string) peerQuestion {
		return peerQuestion{name, "query", url.Values{"query": {query}, "time": {fmt.Sprint(last.Unix())}}}
	}
	over := func(name, query string, back, step time.Duration) peerQuestion {
		return peerQuestion{name, "query_range", url.Values{
			"query": {query}, "start": {fmt.Sprint(last.Add(-back).Unix())}, "end": {fmt.Sprint(last.Unix())}, "step": {fmt.Sprint(step.Seconds())},
		}}
	}
	const (
		rate     = `sum by (job) (rate(shop_requests_total[5m]))`
		p95      = `histogram_quantile(0.95, sum by (job, le) (rate(shop_request_duration_seconds_bucket[5m])))`
		failures = `sum by (job) (rate(shop_requests_total{code="500"}[5m])) / ` + rate
		day      = 23 * time.Hour
	)
	between := url.Values{"start": {fmt.Sprint(last.Add(-day).Unix())}, "end": {fmt.Sprint(last.Unix())}}
	matching := url.Values{"match[]": {`shop_requests_total{job="service-03"}`}, "start": between["start"], "end": between["end"]}
	return []peerQuestion{
		instant("instant: one service's rate", `rate(shop_requests_total{job="service-03"}[5m])`),
		instant("instant: rate by service", rate),
		instant("instant: histogram_quantile by service", p95),
		instant("instant: topk of routes", `topk(5, sum by (job, route) (rate(shop_requests_total[5m])))`),
		instant("instant: a gauge's average of a day", `avg_over_time(shop_queue_length[23h])`),
		over("1 h, step 15 s: rate by service", rate, time.Hour, 15*time.Second),
		over("1 h, step 15 s: histogram_quantile by service", p95, time.Hour, 15*time.Second),
		over("1 h, step 15 s: a service's gauge", `shop_queue_length{job="service-03"}`, time.Hour, 15*time.Second),
		over("23 h, step 5 m: rate by service", rate, day, 5*time.Minute),
		over("23 h, step 5 m: share of failures by service", failures, day, 5*time.Minute),
		over("23 h, step 5 m: histogram_quantile by service", p95, day, 5*time.Minute),
		over("23 h, step 5 m: topk of routes", `topk(5, sum by (job, route) (rate(shop_requests_total[5m])))`, day, 5*time.Minute),
		{"labels", "labels", between},
		{"values of job", "label/job/values", between},
		{"values of __name__", "label/__name__/values", between},
		{"series of a service", "series", matching},
	}
}
