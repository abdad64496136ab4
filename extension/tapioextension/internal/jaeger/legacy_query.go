// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// The parameters that are left out mean these.
const (
	defaultLimit              = 100
	defaultSearchLookback     = 2 * 24 * time.Hour
	defaultDependencyLookback = 24 * time.Hour
)

var (
	errServiceRequired = errors.New("parameter 'service' is required")
	errDurations       = errors.New("'maxDuration' should be greater than 'minDuration'")
)

// legacyQuery is what a request of the legacy API asks for: traces by id, or a
// search.
type legacyQuery struct {
	traceIDs []model.TraceID
	search   search
	raw      bool
}

// parseSearch reads the parameters of /api/traces.
func (h *Handler) parseSearch(r *http.Request) (*legacyQuery, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	q := &legacyQuery{search: search{service: r.FormValue("service"), operation: r.FormValue("operation")}}
	for _, parse := range []func(*http.Request, *legacyQuery) error{
		h.parseTimes, parseTags, parseLimit, parseDurations, parseTraceIDs, parseRaw,
	} {
		if err := parse(r, q); err != nil {
			return nil, err
		}
	}
	if len(q.traceIDs) == 0 && q.search.service == "" {
		return nil, errServiceRequired
	}
	if q.search.minDuration != 0 && q.search.maxDuration != 0 && q.search.maxDuration < q.search.minDuration {
		return nil, errDurations
	}
	return q, nil
}

// parseTrace reads the path and the parameters of /api/traces/{traceID}.
func parseTrace(r *http.Request) (*legacyQuery, error) {
	id, err := parseTraceID(r.PathValue("traceID"))
	if err != nil {
		return nil, err
	}
	q := &legacyQuery{traceIDs: []model.TraceID{id}}
	for _, name := range []string{"start", "end"} { // a hint to other stores
		if _, err := parseUnits(r, name, time.Microsecond, time.Time{}); err != nil {
			return nil, err
		}
	}
	return q, parseRaw(r, q)
}

func (h *Handler) parseTimes(r *http.Request, q *legacyQuery) (err error) {
	now := h.now()
	if q.search.end, err = parseUnits(r, "end", time.Microsecond, now); err != nil {
		return err
	}
	before := now.Add(-defaultSearchLookback)
	if text := r.FormValue("lookback"); text != "" && r.FormValue("start") == "" {
		lookback, err := parseLookback(text)
		if err != nil {
			return parseError("lookback", err)
		}
		before = q.search.end.Add(-lookback)
	}
	q.search.start, err = parseUnits(r, "start", time.Microsecond, before)
	return err
}

// parseLookback reads what Jaeger UI has in its select box: 1h, 2d, or custom,
// which goes with start and end.
func parseLookback(text string) (time.Duration, error) {
	if text == "custom" {
		return defaultSearchLookback, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	if weeks, ok := strings.CutSuffix(text, "w"); ok {
		n, err := strconv.ParseUint(weeks, 10, 16)
		return time.Duration(n) * 7 * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
}

// parseUnits reads a time as a number of units since the epoch.
func parseUnits(r *http.Request, name string, unit time.Duration, otherwise time.Time) (time.Time, error) {
	text := r.FormValue(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, parseError(name, err)
	}
	perSecond := int64(time.Second / unit)
	return time.Unix(n/perSecond, n%perSecond*int64(unit)), nil
}

func parseError(name string, err error) error {
	return fmt.Errorf("unable to parse param '%s': %w", name, err)
}

func parseTags(r *http.Request, q *legacyQuery) error {
	tags := map[string]string{}
	for _, tag := range r.Form["tag"] {
		key, value, found := strings.Cut(tag, ":")
		if !found {
			return fmt.Errorf("malformed 'tag' parameter, expecting key:value, received: %s", tag)
		}
		tags[key] = value
	}
	for _, text := range r.Form["tags"] {
		if text == "" {
			continue
		}
		more, err := tagsFromJSON(text)
		if err != nil {
			return fmt.Errorf("malformed 'tags' parameter, cannot unmarshal JSON: %w", err)
		}
		maps.Copy(tags, more)
	}
	q.search.tags = sortedTags(tags)
	return nil
}

func tagsFromJSON(text string) (tags map[string]string, err error) {
	err = json.Unmarshal([]byte(text), &tags)
	return tags, err
}

func sortedTags(tags map[string]string) (list []model.SpanTag) {
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, model.SpanTag{Key: key, Value: tags[key]})
	}
	return list
}

func parseLimit(r *http.Request, q *legacyQuery) error {
	q.search.limit = defaultLimit
	text := r.FormValue("limit")
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return parseError("limit", err)
	}
	q.search.limit, err = checkLimit("limit", n)
	return err
}

func checkLimit(name string, n int64) (int, error) {
	if n < 1 || n > maxLimit {
		return 0, parseError(name, fmt.Errorf("must be 1 to %d, is %d", maxLimit, n))
	}
	return int(n), nil
}

func parseDurations(r *http.Request, q *legacyQuery) (err error) {
	if q.search.minDuration, err = parseDuration(r, "minDuration"); err != nil {
		return err
	}
	q.search.maxDuration, err = parseDuration(r, "maxDuration")
	return err
}

func parseDuration(r *http.Request, name string) (time.Duration, error) {
	text := r.FormValue(name)
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, parseError(name, err)
	}
	return d, nil
}

func parseTraceIDs(r *http.Request, q *legacyQuery) error {
	ids := r.Form["traceID"]
	if len(ids) > maxTraceIDs {
		return parseError("traceID", fmt.Errorf("at most %d traces may be named, got %d", maxTraceIDs, len(ids)))
	}
	for _, text := range ids {
		id, err := parseTraceID(text)
		if err != nil {
			return fmt.Errorf("cannot parse traceID param: %w", err)
		}
		q.traceIDs = append(q.traceIDs, id)
	}
	return nil
}

func parseRaw(r *http.Request, q *legacyQuery) (err error) {
	text := r.FormValue("raw")
	if text == "" {
		return nil
	}
	if q.raw, err = strconv.ParseBool(text); err != nil {
		return parseError("raw", err)
	}
	return nil
}
