// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"bytes"
	"encoding/csv"
	"math"
	"strconv"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// CSVHeader is the heading line, which the caller puts before all the lines of
// EncodeCSV.
const CSVHeader = "time,start_time,metric,unit,type,temporality,monotonic,value,count,sum,min,max,detail,service,scope,attributes,resource\n"

// EncodeCSV returns one line a point, without the heading. Times are RFC 3339 in
// UTC; value is that of a gauge or sum; detail holds buckets or quantiles as
// JSON; attributes and resource are JSON objects. What a point does not have is
// empty.
func EncodeCSV(points []model.Point) ([]byte, error) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	for i := range points {
		if err := w.Write(csvLine(&points[i])); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return out.Bytes(), w.Error()
}

func csvLine(p *model.Point) []string {
	s := p.Series
	figures := csvFigures(p)
	return append([]string{
		csvTime(p.Time), csvTime(p.Start), s.Metric.Name, s.Metric.Unit,
		csvType(s.Metric.Type), csvTemporality(s.Metric.Temporality), strconv.FormatBool(s.Metric.Monotonic),
	}, figures.value, figures.count, figures.sum, figures.min, figures.max, figures.detail,
		s.Resource.Service(), s.Scope.Name, csvObject(s.Attributes), csvObject(s.Resource.Attributes))
}

func csvTime(t model.Nanos) string {
	if t == 0 {
		return ""
	}
	return time.Unix(int64(t/1e9), int64(t%1e9)).UTC().Format(time.RFC3339Nano)
}

func csvType(t model.MetricType) string {
	switch t {
	case model.MetricGauge:
		return "gauge"
	case model.MetricSum:
		return "sum"
	case model.MetricHistogram:
		return "histogram"
	case model.MetricExponentialHistogram:
		return "exponential_histogram"
	case model.MetricSummary:
		return "summary"
	default:
		return ""
	}
}

func csvTemporality(t model.Temporality) string {
	switch t {
	case model.TemporalityDelta:
		return "delta"
	case model.TemporalityCumulative:
		return "cumulative"
	default:
		return ""
	}
}

func csvObject(attributes model.Attributes) string {
	if len(attributes) == 0 {
		return ""
	}
	return model.MapValue(attributes).Text()
}

type figures struct{ value, count, sum, min, max, detail string }

func csvFigures(p *model.Point) figures {
	switch {
	case p.Histogram != nil:
		h := p.Histogram
		return figures{
			count: strconv.FormatUint(h.Count, 10), sum: csvOptional(h.Sum), min: csvOptional(h.Min), max: csvOptional(h.Max),
			detail: csvObject(model.Attributes{doubles("bounds", h.Bounds), counts("counts", h.Counts)}),
		}
	case p.Exponential != nil:
		h := p.Exponential
		return figures{
			count: strconv.FormatUint(h.Count, 10), sum: csvOptional(h.Sum), min: csvOptional(h.Min), max: csvOptional(h.Max),
			detail: csvObject(exponentialDetail(h)),
		}
	case p.Summary != nil:
		return figures{
			count: strconv.FormatUint(p.Summary.Count, 10), sum: number(p.Summary.Sum),
			detail: csvObject(quantileDetail(p.Summary)),
		}
	default:
		return figures{value: pointNumber(p)}
	}
}

// pointNumber keeps the digits of an integer, which a float would round.
func pointNumber(p *model.Point) string {
	switch p.Number {
	case model.NumberInt:
		return strconv.FormatInt(int64(p.Bits), 10)
	case model.NumberDouble:
		return number(p.Float())
	default:
		return ""
	}
}

// number writes infinity and NaN as OpenMetrics and CSV readers know them.
func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func csvOptional(o model.Optional) string {
	if !o.Set {
		return ""
	}
	return number(o.Value)
}

func exponentialDetail(h *model.ExponentialHistogram) model.Attributes {
	return model.Attributes{
		{Key: "scale", Value: model.IntValue(int64(h.Scale))},
		{Key: "zero_count", Value: count(h.ZeroCount)},
		{Key: "zero_threshold", Value: model.DoubleValue(h.ZeroThreshold)},
		{Key: "positive_offset", Value: model.IntValue(int64(h.Positive.Offset))},
		counts("positive_counts", h.Positive.Counts),
		{Key: "negative_offset", Value: model.IntValue(int64(h.Negative.Offset))},
		counts("negative_counts", h.Negative.Counts),
	}
}

func quantileDetail(s *model.Summary) model.Attributes {
	out := make(model.Attributes, len(s.Quantiles))
	for i, q := range s.Quantiles {
		out[i] = model.KeyValue{Key: number(q.Q), Value: model.DoubleValue(q.Value)}
	}
	return out
}

func doubles(key string, in []float64) model.KeyValue {
	values := make([]model.Value, len(in))
	for i, f := range in {
		values[i] = model.DoubleValue(f)
	}
	return model.KeyValue{Key: key, Value: model.ArrayValue(values...)}
}

func counts(key string, in []uint64) model.KeyValue {
	values := make([]model.Value, len(in))
	for i, n := range in {
		values[i] = count(n)
	}
	return model.KeyValue{Key: key, Value: model.ArrayValue(values...)}
}

// count rounds what is beyond an int64, rather than let it turn negative.
func count(n uint64) model.Value {
	if n > math.MaxInt64 {
		return model.DoubleValue(float64(n))
	}
	return model.IntValue(int64(n))
}
