// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"time"

	"github.com/tapio/tapio/internal/model"
)

type queryMetricsInput struct {
	Query string `json:"query" jsonschema:"PromQL expression, for example sum by (service_name) (rate(http_server_request_duration_seconds_count[5m]))"`
	Since string `json:"since,omitempty" jsonschema:"begin of the time range: RFC 3339, or how long ago such as 15m, 2h or 1d; 1h by default"`
	Until string `json:"until,omitempty" jsonschema:"end of the time range, in the same forms; now by default"`
	Step  string `json:"step,omitempty" jsonschema:"time between two values, such as 30s or 5m; by default about 60 values"`
}

// The values of a series.
const (
	defaultValues = 60
	maxValues     = 1000
)

// queryMetrics evaluates an expression.
func (s *server) queryMetrics(ctx context.Context, in *queryMetricsInput) (*answer, error) {
	times, err := s.timeRange(in.Since, in.Until)
	if err != nil {
		return nil, err
	}
	length := time.Duration(times.End - times.Start)
	step, err := durationField("step", in.Step)
	if err != nil {
		return nil, err
	}
	if step == 0 {
		step = max(length/defaultValues, time.Second).Truncate(time.Second)
	}
	if step < time.Millisecond || length/step > maxValues {
		return nil, model.InvalidField("step", "must be long enough for at most %d values, is %v for %v", maxValues, step, length)
	}
	series, err := s.Metrics.QueryRange(ctx, in.Query, time.Unix(0, int64(times.Start)), time.Unix(0, int64(times.End)), step)
	if err != nil {
		return nil, err
	}
	found := &answer{from: times.Start, to: times.End, hint: "aggregate with sum by (...), topk(...) or a longer step, or request a shorter time range"}
	found.set("step", step.String())
	found.add("series", listOf(series)...)
	return found, nil
}

// Series is one series of an answer.
type Series struct {
	Labels map[string]string `json:"labels"`
	// Values are pairs of a time in RFC 3339 and a number as text.
	Values [][2]string `json:"values"`
}
