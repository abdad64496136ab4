// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package nodesummaryconnector

import (
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

const (
	// scopeName is that of the metrics.
	scopeName = "github.com/tapio/tapio/connector/nodesummaryconnector"
	// maxAhead is how far ahead of this host's clock a span may end; one from further ahead
	// counts as ending now.
	maxAhead = time.Minute
	// reportsFor is how long after its last span a service counts as one that reports its
	// requests itself, so that what the kernel saw of them is not counted again.
	reportsFor = 10 * time.Minute
	// maxServices bounds the services of which that is known.
	maxServices = 2000
)

// summary holds the requests of the intervals that are not sent yet.
type summary struct {
	interval  time.Duration
	maxSeries int
	node      string
	intervals map[int64]map[string]*resource // by end in nanoseconds, then by key
	series    int                            // of all intervals
	reporting map[string]time.Time           // services that send spans themselves, since when
	key       []byte                         // scratch
}

func newSummary(interval time.Duration, maxSeries int, node string) *summary {
	return &summary{
		interval: interval, maxSeries: maxSeries, node: node,
		intervals: map[int64]map[string]*resource{}, reporting: map[string]time.Time{},
	}
}

// resource is a service on a node, with what it answered and called.
type resource struct {
	attributes pcommon.Map
	series     map[string]*series
}

// series are requests that are alike.
type series struct {
	request request
	times   durations
}

// add counts the requests that spans show, and returns how many of them found no place.
func (s *summary) add(traces ptrace.Traces, now time.Time) (dropped int) {
	for _, ofResource := range traces.ResourceSpans().All() {
		attributes := ofResource.Resource().Attributes()
		if s.repeats(attributes, now) {
			continue
		}
		for _, ofScope := range ofResource.ScopeSpans().All() {
			for _, span := range ofScope.Spans().All() {
				request, is := requestOf(span)
				if is && !s.count(attributes, span, &request, now) {
					dropped++
				}
			}
		}
	}
	return dropped
}

// repeats reports whether the kernel saw requests of a service that reports them itself.
func (s *summary) repeats(attributes pcommon.Map, now time.Time) bool {
	service := text(attributes, semconv.ServiceName)
	if source := text(attributes, semconv.Source); source == "" {
		if len(s.reporting) >= maxServices {
			clear(s.reporting)
		}
		s.reporting[service] = now
		return false
	}
	return now.Sub(s.reporting[service]) < reportsFor
}

// count counts one request. Where there are too many series, it counts among the others of
// its service and kind, and is dropped where that series is new as well.
func (s *summary) count(attributes pcommon.Map, span ptrace.Span, request *request, now time.Time) bool {
	end := span.EndTimestamp().AsTime()
	if end.After(now.Add(maxAhead)) || end.Unix() <= 0 {
		end = now
	}
	until := end.Truncate(s.interval).Add(s.interval).UnixNano()
	of := s.resource(until, attributes)
	if of == nil {
		return false
	}
	s.key = request.appendKey(s.key[:0])
	into := of.series[string(s.key)]
	if into == nil && s.series >= s.maxSeries {
		other := request.other()
		request = &other
		s.key = request.appendKey(s.key[:0])
		into = of.series[string(s.key)]
	}
	if into == nil {
		if s.series >= 2*s.maxSeries {
			return false
		}
		into = &series{request: *request}
		of.series[string(s.key)] = into
		s.series++
	}
	into.times.add(span.EndTimestamp().AsTime().Sub(span.StartTimestamp().AsTime()), request.stands)
	return true
}

// resource returns the resource with the attributes in the interval that ends then, nil where
// there are too many series for another.
func (s *summary) resource(until int64, attributes pcommon.Map) *resource {
	s.key = appendIdentity(s.key[:0], attributes)
	if of := s.intervals[until][string(s.key)]; of != nil {
		return of
	}
	if s.series >= 2*s.maxSeries {
		return nil
	}
	if s.intervals[until] == nil {
		s.intervals[until] = map[string]*resource{}
	}
	of := &resource{attributes: identity(attributes, s.node), series: map[string]*series{}}
	s.intervals[until][string(s.key)] = of
	return of
}

// take returns the metrics of the intervals that end before a time, and forgets them.
func (s *summary) take(before time.Time) pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	for _, until := range slices.Sorted(maps.Keys(s.intervals)) {
		if until > before.UnixNano() {
			break
		}
		for _, key := range slices.Sorted(maps.Keys(s.intervals[until])) {
			of := s.intervals[until][key]
			s.series -= len(of.series)
			of.write(metrics.ResourceMetrics().AppendEmpty(), until-int64(s.interval), until)
		}
		delete(s.intervals, until)
	}
	return metrics
}

// write writes the points of a resource, one metric after the other.
func (r *resource) write(to pmetric.ResourceMetrics, from, until int64) {
	r.attributes.CopyTo(to.Resource().Attributes())
	scope := to.ScopeMetrics().AppendEmpty()
	scope.Scope().SetName(scopeName)
	byName := map[string]pmetric.ExponentialHistogramDataPointSlice{}
	for _, key := range slices.Sorted(maps.Keys(r.series)) {
		s := r.series[key]
		points, found := byName[s.request.metric]
		if !found {
			metric := scope.Metrics().AppendEmpty()
			metric.SetName(s.request.metric)
			metric.SetUnit("s")
			metric.SetDescription("Duration of requests, of all spans of the interval.")
			histogram := metric.SetEmptyExponentialHistogram()
			histogram.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
			points = histogram.DataPoints()
			byName[s.request.metric] = points
		}
		point := points.AppendEmpty()
		point.SetStartTimestamp(pcommon.Timestamp(from))
		point.SetTimestamp(pcommon.Timestamp(until))
		s.request.write(point.Attributes())
		s.times.write(point)
	}
}

// identifying are the resource attributes for where a service runs, and as what. The
// others would make a series of each process, or are of no use to a gateway.
func identifying() []string {
	return []string{
		semconv.ServiceName, semconv.ServiceNamespace, semconv.ServiceVersion, semconv.HostName, semconv.K8sNodeName, semconv.K8sPodName,
		semconv.K8sNamespaceName, semconv.K8sDeploymentName, semconv.K8sStatefulsetName, semconv.K8sDaemonsetName,
		semconv.CloudAvailabilityZone, semconv.ProcessExecutableName, semconv.ContainerName,
	}
}

func appendIdentity(key []byte, attributes pcommon.Map) []byte {
	for _, name := range identifying() {
		key = append(append(key, text(attributes, name)...), 0)
	}
	return key
}

func identity(attributes pcommon.Map, node string) pcommon.Map {
	kept := pcommon.NewMap()
	for _, name := range identifying() {
		if value := text(attributes, name); value != "" {
			kept.PutStr(name, value)
		}
	}
	kept.PutStr(semconv.Source, model.NodeSummarySource)
	placeAt(kept, node)
	return kept
}

// text is an attribute as a text of bounded length, "" for none.
func text(attributes pcommon.Map, key string) string {
	value, found := attributes.Get(key)
	if !found {
		return ""
	}
	return bounded(value.AsString())
}

// maxText bounds each text that is kept of a span.
const maxText = 200

func bounded(s string) string {
	if len(s) > maxText {
		return strings.ToValidUTF8(s[:maxText], "") // a character may be cut
	}
	return s
}
