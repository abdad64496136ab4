// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// parameter returns a parameter and the name that it came by: names are those that
// it may have.
func parameter(q url.Values, names ...string) (value, name string) {
	for _, name := range names {
		if value := q.Get(name); value != "" {
			return value, name
		}
	}
	return "", names[0]
}

func malformed(name string, err error) error {
	return fmt.Errorf("malformed parameter %s: %w", name, err)
}

func parseTraceV3(r *http.Request) (id model.TraceID, raw bool, err error) {
	if id, err = parseTraceIDV3(r.PathValue("traceID")); err != nil {
		return id, false, malformed("trace_id", err)
	}
	q := r.URL.Query()
	for _, names := range [][]string{{"startTime", "start_time"}, {"endTime", "end_time"}} { // a hint to other stores
		if _, _, err := timeOf(q, names...); err != nil {
			return id, false, err
		}
	}
	raw, err = boolOf(q, "rawTraces", "raw_traces")
	return id, raw, err
}

func parseSearchV3(q url.Values) (s *search, raw bool, err error) {
	s = &search{}
	s.service, _ = parameter(q, "query.serviceName", "query.service_name")
	s.operation, _ = parameter(q, "query.operationName", "query.operation_name")
	if q.Get("query.filter") != "" {
		return nil, false, malformed("query.filter", errors.New("filter expressions are not supported: use query.attributes"))
	}
	if err := s.attributesV3(q); err != nil {
		return nil, false, err
	}
	if err := s.timesV3(q); err != nil {
		return nil, false, err
	}
	if s.limit, err = limitV3(q); err != nil {
		return nil, false, err
	}
	if s.minDuration, err = durationOf(q, "query.durationMin", "query.duration_min"); err != nil {
		return nil, false, err
	}
	if s.maxDuration, err = durationOf(q, "query.durationMax", "query.duration_max"); err != nil {
		return nil, false, err
	}
	raw, err = boolOf(q, "query.rawTraces", "query.raw_traces")
	return s, raw, err
}

func (s *search) attributesV3(q url.Values) error {
	text := q.Get("query.attributes")
	if text == "" {
		return nil
	}
	tags, err := tagsFromJSON(text)
	if err != nil {
		return malformed("query.attributes", err)
	}
	s.tags = sortedTags(tags)
	return nil
}

func (s *search) timesV3(q url.Values) (err error) {
	minNames, maxNames := []string{"query.startTimeMin", "query.start_time_min"}, []string{"query.startTimeMax", "query.start_time_max"}
	var hasMin, hasMax bool
	if s.start, hasMin, err = timeOf(q, minNames...); err != nil {
		return err
	}
	if s.end, hasMax, err = timeOf(q, maxNames...); err != nil {
		return err
	}
	if !hasMin || !hasMax {
		return errors.New("query.start_time_min and query.start_time_max are required")
	}
	if s.end.Before(s.start) {
		return errors.New("query.start_time_min must be before query.start_time_max")
	}
	return nil
}

func limitV3(q url.Values) (int, error) {
	text, name := parameter(q, "query.searchDepth", "query.search_depth", "query.num_traces")
	if text == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, malformed(name, err)
	}
	if n < 1 || n > maxLimit {
		return 0, malformed(name, fmt.Errorf("must be 1 to %d, is %d", maxLimit, n))
	}
	return n, nil
}

func timeOf(q url.Values, names ...string) (t time.Time, found bool, err error) {
	text, name := parameter(q, names...)
	if text == "" {
		return time.Time{}, false, nil
	}
	if t, err = time.Parse(time.RFC3339Nano, text); err != nil {
		return time.Time{}, false, malformed(name, err)
	}
	return t, true, nil
}

func durationOf(q url.Values, names ...string) (time.Duration, error) {
	text, name := parameter(q, names...)
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, malformed(name, err)
	}
	return d, nil
}

func boolOf(q url.Values, names ...string) (bool, error) {
	text, name := parameter(q, names...)
	if text == "" {
		return false, nil
	}
	yes, err := strconv.ParseBool(text)
	if err != nil {
		return false, malformed(name, err)
	}
	return yes, nil
}
