// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/tapio/tapio/internal/model"
)

// writePoint writes the lines of one point.
func writePoint(out *bytes.Buffer, f *family, s *exportSeries, p *model.Point) {
	at := func(suffix, extra, value string) {
		out.WriteString(f.name + suffix + braces(s.text, extra) + " " + value + openMetricsTime(p.Time) + "\n")
	}
	switch {
	case p.Histogram != nil:
		writeBuckets(at, f.kind, p.Histogram.Count, p.Histogram.Sum, classicBuckets(p.Histogram))
	case p.Exponential != nil:
		writeBuckets(at, f.kind, p.Exponential.Count, p.Exponential.Sum, exponentialBuckets(p.Exponential))
	case p.Summary != nil:
		writeSummary(at, p.Summary)
	case f.kind == "counter":
		at("_total", "", pointNumber(p))
	case p.Number != model.NumberNone:
		at("", "", pointNumber(p))
	}
}

// sample writes one line: suffix of the name, one more label, value.
type sample func(suffix, extra, value string)

// bucket counts the observations up to and including a bound, and above that of
// the bucket before it.
type bucket struct {
	bound float64
	count uint64
}

func writeBuckets(at sample, kind string, count uint64, sum model.Optional, filled []bucket) {
	var total uint64
	for _, b := range filled {
		if math.IsInf(b.bound, 1) {
			break
		}
		total += b.count
		at("_bucket", label("le", bound(b.bound)), strconv.FormatUint(total, 10))
	}
	at("_bucket", label("le", "+Inf"), strconv.FormatUint(count, 10))
	prefix := "_"
	if kind == "gaugehistogram" {
		prefix = "_g"
	}
	at(prefix+"count", "", strconv.FormatUint(count, 10))
	if sum.Set {
		at(prefix+"sum", "", number(sum.Value))
	}
}

func writeSummary(at sample, s *model.Summary) {
	for _, q := range s.Quantiles {
		at("", label("quantile", bound(q.Q)), number(q.Value))
	}
	at("_count", "", strconv.FormatUint(s.Count, 10))
	at("_sum", "", number(s.Sum))
}

// classicBuckets leaves the last bucket, which has no bound, to +Inf.
func classicBuckets(h *model.Histogram) []bucket {
	out := make([]bucket, min(len(h.Bounds), len(h.Counts)))
	for i := range out {
		out[i] = bucket{bound: h.Bounds[i], count: h.Counts[i]}
	}
	return out
}

// exponentialBuckets returns the buckets that are not empty, from the most
// negative up.
func exponentialBuckets(h *model.ExponentialHistogram) []bucket {
	var out []bucket
	for i, n := range slices.Backward(h.Negative.Counts) {
		if n > 0 {
			out = append(out, bucket{bound: -powerBound(h.Scale, h.Negative.Offset, i), count: n})
		}
	}
	if h.ZeroCount > 0 {
		out = append(out, bucket{bound: h.ZeroThreshold, count: h.ZeroCount})
	}
	for i, n := range h.Positive.Counts {
		if n > 0 {
			out = append(out, bucket{bound: powerBound(h.Scale, h.Positive.Offset, i+1), count: n})
		}
	}
	return out
}

// powerBound is 2^(index * 2^-scale), the lower bound of a bucket.
func powerBound(scale, offset int32, i int) float64 {
	return math.Exp2(math.Ldexp(float64(offset)+float64(i), -int(scale)))
}

// bound writes a bound as OpenMetrics wants it: 1 is "1.0".
func bound(f float64) string {
	text := number(f)
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		return text + ".0"
	}
	return text
}

func openMetricsTime(t model.Nanos) string {
	if t == 0 {
		return ""
	}
	if t%1e9 == 0 {
		return fmt.Sprintf(" %d", t/1e9)
	}
	return fmt.Sprintf(" %d.%09d", t/1e9, t%1e9)
}

func braces(labels, extra string) string {
	switch {
	case labels == "" && extra == "":
		return ""
	case labels == "" || extra == "":
		return "{" + labels + extra + "}"
	default:
		return "{" + labels + "," + extra + "}"
	}
}
