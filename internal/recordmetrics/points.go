// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package recordmetrics

import (
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// The metrics that the counts become.
const (
	logRecords   = semconv.MetricLogRecords
	spanCalls    = semconv.MetricSpanCalls
	spanDuration = semconv.MetricSpanDuration
)

// points makes the points of all counts.
type points struct {
	scope     *model.Scope
	now       model.Nanos
	resources map[[2]string]*model.Resource
	list      []model.Point
}

// Points returns the counts as cumulative points of that scope. A series that is new has a
// point of zero as well, at the time at which counting it began: what was counted first is an increase, too.
func (c *Counters) Points(scope string, at time.Time) []model.Point {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := points{scope: &model.Scope{Name: scope}, now: model.Nanos(at.UnixNano()), resources: map[[2]string]*model.Resource{}}
	p.ofLogs(c.logs)
	p.ofSpans(c.spans)
	return p.list
}

func (p *points) ofLogs(counts map[logKey]*logCount) {
	metric := counter(logRecords, "{record}", "Log records and events that were received.")
	for key, n := range counts {
		attributes := p.attributes(key.service, key.overflow)
		attributes = append(attributes, text("severity", severityText(key.severity)))
		series := p.series(metric, key.namespace, key.service, attributes)
		if p.begin(n) {
			p.number(series, n.since, n.since-1, 0)
		}
		p.number(series, p.now, n.since-1, n.n)
	}
}

func (p *points) ofSpans(counts map[spanKey]*spanCount) {
	calls := counter(spanCalls, "{span}", "Spans that were received.")
	duration := &model.Metric{
		Name: spanDuration, Unit: "s", Description: "Duration of the spans that were received.",
		Type: model.MetricHistogram, Temporality: model.TemporalityCumulative,
	}
	limits := bounds()
	var histograms []model.Point
	for key, n := range counts {
		attributes := p.attributes(key.service, key.overflow)
		attributes = append(attributes, text("span.name", key.name), text("span.kind", kindText(key.kind)), text("status.code", statusText(key.status)))
		if key.source != "" {
			attributes = append(attributes, text(semconv.Source, key.source))
		}
		series, fresh := p.series(calls, key.namespace, key.service, attributes), p.begin(&n.logCount)
		took := &model.Series{Metric: duration, Resource: series.Resource, Scope: series.Scope, Attributes: attributes}
		if fresh {
			p.number(series, n.since, n.since-1, 0)
			histograms = append(histograms, model.Point{
				Series: took, Time: n.since, Start: n.since - 1,
				Histogram: &model.Histogram{Sum: model.Optional{Set: true}, Bounds: limits, Counts: make([]uint64, len(n.buckets))},
			})
		}
		p.number(series, p.now, n.since-1, n.n)
		histograms = append(histograms, model.Point{
			Series: took, Time: p.now, Start: n.since - 1,
			Histogram: &model.Histogram{Count: n.n, Sum: model.Optional{Value: n.sum, Set: true}, Bounds: limits, Counts: append([]uint64(nil), n.buckets...)},
		})
	}
	p.list = append(p.list, histograms...)
}

// begin reports whether a count is reported for the first time, and long enough after it began
// that its zero has a time of its own.
func (p *points) begin(n *logCount) bool {
	fresh := !n.told && p.now > n.since
	n.told = true
	return fresh
}

func counter(name, unit, description string) *model.Metric {
	return &model.Metric{
		Name: name, Unit: unit, Description: description, Type: model.MetricSum, Temporality: model.TemporalityCumulative, Monotonic: true,
	}
}

func text(key, value string) model.KeyValue {
	return model.KeyValue{Key: key, Value: model.StringValue(value)}
}

// attributes repeats the name of the service for those who select by it; or says that this
// series stands for all that there was no room for.
func (p *points) attributes(service string, overflow bool) model.Attributes {
	if overflow {
		return model.Attributes{{Key: semconv.OtelMetricOverflow, Value: model.BoolValue(true)}}
	}
	return model.Attributes{text(semconv.ServiceName, service)}
}

func (p *points) series(metric *model.Metric, namespace, service string, attributes model.Attributes) *model.Series {
	return &model.Series{Metric: metric, Resource: p.resource(namespace, service), Scope: p.scope, Attributes: attributes}
}

func (p *points) resource(namespace, service string) *model.Resource {
	key := [2]string{namespace, service}
	if r := p.resources[key]; r != nil {
		return r
	}
	r := &model.Resource{}
	if namespace != "" {
		r.Attributes = append(r.Attributes, text(semconv.ServiceNamespace, namespace))
	}
	if service != "" {
		r.Attributes = append(r.Attributes, text(semconv.ServiceName, service))
	}
	p.resources[key] = r
	return r
}

func (p *points) number(series *model.Series, at, start model.Nanos, n uint64) {
	p.list = append(p.list, model.Point{Series: series, Time: at, Start: start, Number: model.NumberInt, Bits: n})
}

func severityText(s model.Severity) string {
	switch s {
	case model.SeverityTrace:
		return "TRACE"
	case model.SeverityDebug:
		return "DEBUG"
	case model.SeverityInfo:
		return "INFO"
	case model.SeverityWarn:
		return "WARN"
	case model.SeverityError:
		return "ERROR"
	case model.SeverityFatal:
		return "FATAL"
	default:
		return "UNSPECIFIED"
	}
}

// kindText is the name of a span's kind as in OTLP.
func kindText(kind int32) string {
	switch kind {
	case 1:
		return "SPAN_KIND_INTERNAL"
	case 2:
		return "SPAN_KIND_SERVER"
	case 3:
		return "SPAN_KIND_CLIENT"
	case 4:
		return "SPAN_KIND_PRODUCER"
	case 5:
		return "SPAN_KIND_CONSUMER"
	default:
		return "SPAN_KIND_UNSPECIFIED"
	}
}

func statusText(code int32) string {
	switch code {
	case 1:
		return "STATUS_CODE_OK"
	case 2:
		return "STATUS_CODE_ERROR"
	default:
		return "STATUS_CODE_UNSET"
	}
}
