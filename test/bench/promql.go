// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// promServer is one that speaks Prometheus' HTTP API.
type promServer struct{ name, api string }

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
	peers := [2]promServer{{"tapio", "http://" + c.http + "/prometheus/api/v1/"}, {"prometheus", "http://" + p.api + "/api/v1/"}}
	fmt.Fprintf(out, "%s beside %s\n\n| query | tapio, median | prometheus, median | ratio | series |\n|---|---|---|---|---|\n", set.Binary, p.version(ctx))
	profiled := profile(ctx, set, variant{name: "tapio", signal: "promql"}, c)
	var ratios []float64
	for _, q := range promQuestions(shop) {
		times, series, err := askBoth(ctx, set, peers, q)
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		tapio, prometheus := quantile(times[0], .5), quantile(times[1], .5)
		ratio := tapio.Seconds() / prometheus.Seconds()
		ratios = append(ratios, ratio)
		fmt.Fprintf(out, "| %s | %v | %v | %.2f | %d |\n", q.name, rounded(tapio), rounded(prometheus), ratio, series)
	}
	fmt.Fprintf(out, "\nMedian of the ratios: %.2f; load average after: %s\n", median(ratios), loadAverage())
	return <-profiled
}

// promQuestion is a request to Prometheus' API.
type promQuestion struct {
	name, path string
	form       url.Values
}

func promQuestions(shop *measuredShop) []promQuestion {
	last := shop.end
	instant := func(name, query string) promQuestion {
		return promQuestion{name, "query", url.Values{"query": {query}, "time": {fmt.Sprint(last.Unix())}}}
	}
	over := func(name, query string, back, step time.Duration) promQuestion {
		return promQuestion{name, "query_range", url.Values{
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
	return []promQuestion{
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

// askBoth asks the servers in turn until each was asked often enough. The answers must
// have as many series.
func askBoth(ctx context.Context, set settings, peers [2]promServer, q promQuestion) (times [2][]time.Duration, series int, err error) {
	began := time.Now()
	for asked := 0; asked < warmups+set.Repetitions && (asked <= warmups || time.Since(began) < set.QueryLimit); asked++ {
		var found [2]int
		for i := range peers {
			i = (i + asked) % len(peers) // each goes first as often
			start := time.Now()
			if found[i], err = peers[i].ask(ctx, q); err != nil {
				return times, 0, fmt.Errorf("%s: %w", peers[i].name, err)
			}
			if asked >= warmups {
				times[i] = append(times[i], time.Since(start))
			}
		}
		if found[0] != found[1] || found[0] == 0 {
			return times, 0, fmt.Errorf("%s answers %d series or values, %s %d", peers[0].name, found[0], peers[1].name, found[1])
		}
		series = found[0]
	}
	return times, series, nil
}

// ask returns how many series or values the answer has.
func (p promServer) ask(ctx context.Context, q promQuestion) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.api+q.path+"?"+q.form.Encode(), http.NoBody)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("status %d: %s", resp.StatusCode, body[:min(len(body), 500)])
	}
	return countAnswer(body)
}

// countAnswer counts the series of a result, or the values of a list; target_info, which
// Prometheus is not sent, does not count.
func countAnswer(body []byte) (int, error) {
	var answer struct{ Data json.RawMessage }
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, err
	}
	var list []json.RawMessage
	if json.Unmarshal(answer.Data, &list) != nil {
		var result struct{ Result []json.RawMessage }
		if err := json.Unmarshal(answer.Data, &result); err != nil {
			return 0, err
		}
		list = result.Result
	}
	n := 0
	for _, one := range list {
		if !strings.Contains(string(one), "target_info") {
			n++
		}
	}
	return n, nil
}
