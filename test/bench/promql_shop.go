// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/klauspost/compress/snappy"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlpmetrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	shopServices  = 21
	shopRoutes    = 10
	shopMinutes   = 24 * 60 // of all samples
	minutesPerOne = 30      // of a request
)

func shopCodes() []string { return []string{"200", "500"} }

func shopBounds() []float64 { return []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5} }

// measuredShop is the metrics of some services over a day, a sample of each series a
// minute: counters of requests, gauges, and histograms of durations.
type measuredShop struct {
	random     *rand.Rand
	start, end time.Time
	minutes    int
	requests   [shopServices][shopRoutes][2]float64
	queue      [shopServices]float64
	buckets    [shopServices][]uint64
	sum        [shopServices]float64
}

// newMeasuredShop makes about so many samples, of a day at most.
func newMeasuredShop(end time.Time, samples int) *measuredShop {
	s := &measuredShop{end: end}
	s.minutes = min(max(samples/s.seriesCount(), minutesPerOne), shopMinutes)
	s.start = end.Add(-time.Duration(s.minutes-1) * time.Minute)
	return s
}

// seriesCount is how many series Prometheus has of it.
func (s *measuredShop) seriesCount() int {
	return shopServices * (shopRoutes*len(shopCodes()) + 1 + len(shopBounds()) + 3)
}

func (s *measuredShop) samples() int        { return s.seriesCount() * s.minutes }
func (s *measuredShop) span() time.Duration { return time.Duration(s.minutes) * time.Minute }

// eachMinute goes through the minutes from the first on, with the same values every time.
func (s *measuredShop) eachMinute(use func(at time.Time) error) error {
	*s = measuredShop{random: rand.New(rand.NewPCG(7, 11)), start: s.start, end: s.end, minutes: s.minutes}
	for i := range s.buckets {
		s.buckets[i] = make([]uint64, len(shopBounds())+1)
	}
	for minute := range s.minutes {
		for i := range shopServices {
			s.advance(i)
		}
		if err := use(s.start.Add(time.Duration(minute) * time.Minute)); err != nil {
			return err
		}
	}
	return nil
}

func (s *measuredShop) advance(i int) {
	for route := range shopRoutes {
		s.requests[i][route][0] += float64(s.random.IntN(600))
		s.requests[i][route][1] += float64(s.random.IntN(6))
	}
	s.queue[i] = math.Round(max(s.queue[i]+s.random.NormFloat64()*3, 0))
	for range 40 {
		took := s.random.ExpFloat64() * .08
		at := 0
		for at < len(shopBounds()) && took > shopBounds()[at] {
			at++
		}
		s.buckets[i][at]++
		s.sum[i] += took
	}
}

// sendOTLP sends all to an OTLP server.
func (s *measuredShop) sendOTLP(ctx context.Context, address string) error {
	conn, err := dial(address)
	if err != nil {
		return err
	}
	defer conn.Close()
	client, request, minutes := colmetrics.NewMetricsServiceClient(conn), &colmetrics.ExportMetricsServiceRequest{}, 0
	send := func() error {
		_, err := client.Export(ctx, request)
		request, minutes = &colmetrics.ExportMetricsServiceRequest{}, 0
		return err
	}
	err = s.eachMinute(func(at time.Time) error {
		for i := range shopServices {
			request.ResourceMetrics = append(request.ResourceMetrics, s.resourceMetrics(i, at))
		}
		if minutes++; minutes < minutesPerOne {
			return nil
		}
		return send()
	})
	if err != nil {
		return err
	}
	return send()
}

func (s *measuredShop) resourceMetrics(i int, at time.Time) *otlpmetrics.ResourceMetrics {
	now, began := uint64(at.UnixNano()), uint64(s.start.UnixNano())
	counter := &otlpmetrics.Sum{AggregationTemporality: otlpmetrics.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE, IsMonotonic: true}
	for route := range shopRoutes {
		for code, name := range shopCodes() {
			counter.DataPoints = append(counter.DataPoints, &otlpmetrics.NumberDataPoint{
				TimeUnixNano: now, StartTimeUnixNano: began, Value: &otlpmetrics.NumberDataPoint_AsDouble{AsDouble: s.requests[i][route][code]},
				Attributes: []*common.KeyValue{text("code", name), text("route", shopRoute(route))},
			})
		}
	}
	count := uint64(0)
	for _, n := range s.buckets[i] {
		count += n
	}
	sum := s.sum[i]
	histogram := &otlpmetrics.Histogram{
		AggregationTemporality: otlpmetrics.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE,
		DataPoints: []*otlpmetrics.HistogramDataPoint{{
			TimeUnixNano: now, StartTimeUnixNano: began, Count: count, Sum: &sum,
			BucketCounts: append([]uint64(nil), s.buckets[i]...), ExplicitBounds: shopBounds(),
		}},
	}
	gauge := &otlpmetrics.Gauge{DataPoints: []*otlpmetrics.NumberDataPoint{
		{TimeUnixNano: now, Value: &otlpmetrics.NumberDataPoint_AsDouble{AsDouble: s.queue[i]}},
	}}
	return &otlpmetrics.ResourceMetrics{
		Resource: &resource.Resource{Attributes: []*common.KeyValue{text("service.name", service(i)), text("service.instance.id", shopInstance(i))}},
		ScopeMetrics: []*otlpmetrics.ScopeMetrics{{Metrics: []*otlpmetrics.Metric{
			{Name: "shop.requests", Data: &otlpmetrics.Metric_Sum{Sum: counter}},
			{Name: "shop.request.duration", Unit: "s", Data: &otlpmetrics.Metric_Histogram{Histogram: histogram}},
			{Name: "shop.queue.length", Data: &otlpmetrics.Metric_Gauge{Gauge: gauge}},
		}}},
	}
}

func shopRoute(route int) string { return fmt.Sprintf("/api/v1/items/%02d", route) }
func shopInstance(i int) string  { return fmt.Sprintf("instance-%02d", i) }

// sendRemoteWrite sends all to a Prometheus, under the names that OTLP gets there.
func (s *measuredShop) sendRemoteWrite(ctx context.Context, address string) error {
	var request []byte
	minutes := 0
	send := func() error {
		err := postWrite(ctx, "http://"+address+"/api/v1/write", request)
		request, minutes = nil, 0
		return err
	}
	err := s.eachMinute(func(at time.Time) error {
		for i := range shopServices {
			request = s.appendSeries(request, i, at)
		}
		if minutes++; minutes < minutesPerOne {
			return nil
		}
		return send()
	})
	if err != nil || request == nil {
		return err
	}
	return send()
}

func postWrite(ctx context.Context, address string, request []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(snappy.Encode(nil, request)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		body, _ := io.ReadAll(resp.Body) // what can be read of it
		return fmt.Errorf("prometheus answers a remote write with %d: %s", resp.StatusCode, body)
	}
	return nil
}

// appendSeries writes a sample of each series of a service.
func (s *measuredShop) appendSeries(dst []byte, i int, at time.Time) []byte {
	put := func(value float64, name string, more ...string) {
		labels := append([]string{"__name__", name}, more...)
		labels = append(labels, "instance", shopInstance(i), "job", service(i))
		dst = appendWriteSeries(dst, labels, value, at)
	}
	for route := range shopRoutes {
		for code, name := range shopCodes() {
			put(s.requests[i][route][code], "shop_requests_total", "code", name, "route", shopRoute(route))
		}
	}
	put(s.queue[i], "shop_queue_length")
	count := uint64(0)
	for at, n := range s.buckets[i] {
		count += n
		le := "+Inf"
		if at < len(shopBounds()) {
			le = strconv.FormatFloat(shopBounds()[at], 'f', -1, 64)
		}
		put(float64(count), "shop_request_duration_seconds_bucket", "le", le)
	}
	put(float64(count), "shop_request_duration_seconds_count")
	put(s.sum[i], "shop_request_duration_seconds_sum")
	return dst
}

// appendWriteSeries writes one TimeSeries of a WriteRequest of remote write 1.0; labels
// are names and values in turn, sorted by name.
func appendWriteSeries(dst []byte, labels []string, value float64, at time.Time) []byte {
	labels = sortedPairs(labels)
	var series []byte
	for i := 0; i < len(labels); i += 2 {
		label := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), labels[i])
		label = protowire.AppendString(protowire.AppendTag(label, 2, protowire.BytesType), labels[i+1])
		series = protowire.AppendBytes(protowire.AppendTag(series, 1, protowire.BytesType), label)
	}
	sample := protowire.AppendFixed64(protowire.AppendTag(nil, 1, protowire.Fixed64Type), math.Float64bits(value))
	sample = protowire.AppendVarint(protowire.AppendTag(sample, 2, protowire.VarintType), uint64(at.UnixMilli()))
	series = protowire.AppendBytes(protowire.AppendTag(series, 2, protowire.BytesType), sample)
	return protowire.AppendBytes(protowire.AppendTag(dst, 1, protowire.BytesType), series)
}

// sortedPairs sorts names with their values. There are few.
func sortedPairs(labels []string) []string {
	for i := 2; i < len(labels); i += 2 {
		for j := i; j > 0 && labels[j] < labels[j-2]; j -= 2 {
			labels[j], labels[j-2] = labels[j-2], labels[j]
			labels[j+1], labels[j-1] = labels[j-1], labels[j+1]
		}
	}
	return labels
}
