// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/segment"
)

// The part of OTLP/JSON that the Nezha data sets use.
type (
	otlpLine struct {
		ResourceLogs  []otlpOrigin
		ResourceSpans []otlpOrigin
	}
	otlpOrigin struct {
		Resource   struct{ Attributes []otlpAttribute }
		ScopeLogs  []struct{ LogRecords []otlpRecord }
		ScopeSpans []struct{ Spans []otlpRecord }
	}
	otlpAttribute struct {
		Key   string
		Value map[string]any
	}
	otlpRecord struct {
		TimeUnixNano, StartTimeUnixNano, EndTimeUnixNano string
		Body                                             struct{ StringValue string }
		SeverityText, Name                               string
		SeverityNumber, Kind                             int32
		Attributes                                       []otlpAttribute
		TraceID, SpanID, ParentSpanID                    string
		Status                                           struct {
			Code    int32
			Message string
		}
	}
)

// nezhaFiles lists data of real systems; the test is skipped without them.
func nezhaFiles(t testing.TB, pattern string) []string {
	t.Helper()
	root := os.Getenv("TAPIO_DATASETS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "datasets")
	}
	files, err := filepath.Glob(filepath.Join(root, "nezha", "*", pattern))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skipf("no data sets: set TAPIO_DATASETS to the folder that holds nezha/*/%s", pattern)
	}
	return files
}

// eachNezhaOrigin calls f with each resource of a file.
func eachNezhaOrigin(t testing.TB, file string, f func(*otlpOrigin)) {
	t.Helper()
	packed, err := os.Open(file)
	require.NoError(t, err)
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	require.NoError(t, err)
	lines := json.NewDecoder(bufio.NewReaderSize(unpacked, mebibyte))
	for lines.More() {
		var line otlpLine
		require.NoError(t, lines.Decode(&line))
		for i := range line.ResourceLogs {
			f(&line.ResourceLogs[i])
		}
		for i := range line.ResourceSpans {
			f(&line.ResourceSpans[i])
		}
	}
}

func otlpAttributes(t testing.TB, list []otlpAttribute) model.Attributes {
	t.Helper()
	var attributes model.Attributes
	for _, a := range list {
		var value model.Value
		switch v := a.Value["stringValue"].(type) {
		case string:
			value = model.StringValue(v)
		default:
			n, err := strconv.ParseInt(a.Value["intValue"].(string), 10, 64)
			require.NoError(t, err)
			value = model.IntValue(n)
		}
		attributes = append(attributes, model.KeyValue{Key: a.Key, Value: value})
	}
	return attributes
}

func otlpID(t testing.TB, dst []byte, text string) {
	t.Helper()
	if text != "" {
		_, err := hex.Decode(dst, []byte(text))
		require.NoError(t, err)
	}
}

func otlpTime(t testing.TB, text string) model.Nanos {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err)
	return model.Nanos(n)
}

func nezhaEvents(t testing.TB, o *otlpOrigin) []model.Event {
	t.Helper()
	resource, scope := &model.Resource{Attributes: otlpAttributes(t, o.Resource.Attributes)}, &model.Scope{}
	var rows []model.Event
	for _, s := range o.ScopeLogs {
		for i := range s.LogRecords {
			from := &s.LogRecords[i]
			e := model.Event{
				Time: otlpTime(t, from.TimeUnixNano), Body: model.StringValue(from.Body.StringValue),
				SeverityText: from.SeverityText, SeverityNumber: from.SeverityNumber,
				Attributes: otlpAttributes(t, from.Attributes), Resource: resource, Scope: scope,
			}
			otlpID(t, e.TraceID[:], from.TraceID)
			otlpID(t, e.SpanID[:], from.SpanID)
			rows = append(rows, e)
		}
	}
	return rows
}

func nezhaSpans(t testing.TB, o *otlpOrigin) []model.Span {
	t.Helper()
	resource, scope := &model.Resource{Attributes: otlpAttributes(t, o.Resource.Attributes)}, &model.Scope{}
	var rows []model.Span
	for _, s := range o.ScopeSpans {
		for i := range s.Spans {
			from := &s.Spans[i]
			span := model.Span{
				Start: otlpTime(t, from.StartTimeUnixNano), End: otlpTime(t, from.EndTimeUnixNano),
				Name: from.Name, Kind: from.Kind, StatusCode: from.Status.Code, StatusMessage: from.Status.Message,
				Attributes: otlpAttributes(t, from.Attributes), Resource: resource, Scope: scope,
			}
			otlpID(t, span.TraceID[:], from.TraceID)
			otlpID(t, span.SpanID[:], from.SpanID)
			otlpID(t, span.ParentID[:], from.ParentSpanID)
			rows = append(rows, span)
		}
	}
	return rows
}

// leisurely is a clock by which rows come slowly enough to be packed tightly.
func leisurely() func() time.Time {
	now := time.Now()
	return func() time.Time {
		now = now.Add(time.Minute)
		return now
	}
}

func TestRealLogsComeBack(t *testing.T) {
	if underRace {
		t.Skip("one goroutine, and half a minute: without the race detector only")
	}
	var want []model.Event
	for _, file := range nezhaFiles(t, "*.logs.jsonl.gz") {
		eachNezhaOrigin(t, file, func(o *otlpOrigin) {
			want = append(want, nezhaEvents(t, o)...)
		})
	}
	compare := func(name string, now func() time.Time) {
		s := New(Limits{Logs: 512 * mebibyte}, now)
		require.Zero(t, refusedOf(s.AppendEvents(want)))
		settle(s)
		views, _ := s.events.views()
		require.Equal(t, len(want), compareAll(t, views, want, requireEqualEvents))
		logFigures(t, name, views, 60)
	}
	compare("pod by pod, in a hurry", time.Now)
	compare("pod by pod", leisurely())
	slices.SortStableFunc(want, func(a, b model.Event) int { return cmp.Compare(a.Time, b.Time) })
	compare("by time, in a hurry", time.Now)
	compare("by time", leisurely())
}

func TestRealSpansComeBack(t *testing.T) {
	if underRace {
		t.Skip("one goroutine, and half a minute: without the race detector only")
	}
	var want []model.Span
	for _, file := range nezhaFiles(t, "case-0[1-3].traces.jsonl.gz") {
		eachNezhaOrigin(t, file, func(o *otlpOrigin) {
			want = append(want, nezhaSpans(t, o)...)
		})
	}
	compare := func(name string, now func() time.Time) {
		s := New(Limits{Traces: 512 * mebibyte}, now)
		require.Zero(t, refusedOf(s.AppendSpans(want)))
		settle(s)
		views, _ := s.spans.views()
		require.Equal(t, len(want), compareAll(t, views, want, requireEqualSpans))
		logFigures(t, name, views, 50)
	}
	compare("pod by pod, in a hurry", time.Now)
	compare("pod by pod", leisurely())
	slices.SortStableFunc(want, func(a, b model.Span) int { return cmp.Compare(a.Start, b.Start) })
	compare("by time, in a hurry", time.Now)
	compare("by time", leisurely())
}

// compareAll reads everything back, and returns how many rows there were.
func compareAll[R any](t *testing.T, views []view[R], want []R, equal func(*testing.T, *R, *R)) (rows int) {
	t.Helper()
	for i := range views {
		r := newReader(&views[i], &segment.Hint{})
		for b := range r.blocks() {
			loaded := r.load(b).Rows
			for n := range loaded {
				equal(t, &want[rows], &loaded[n])
				rows++
			}
		}
	}
	return rows
}

// logFigures reports what a row costs in compacted segments, which is at most so many
// bytes.
func logFigures[R any](t *testing.T, name string, views []view[R], most float64) {
	t.Helper()
	var rows int
	var all, data, traces, spans, labels, grams, words int
	for i := range views {
		if s := views[i].segment; s != nil {
			rows += s.Rows
			all += int(s.Size()) + chunkBytes
			data += len(s.Data)
			traces += colenc.SliceBytes(s.Traces) + colenc.SliceBytes(s.TraceOrder) + colenc.SliceBytes(s.TraceBlocks)
			spans += colenc.SliceBytes(s.Spans)
			labels += s.Labels.Size()
			grams += colenc.SliceBytes(s.Grams)
			words += colenc.SliceBytes(s.Words)
		}
	}
	require.Positive(t, rows)
	each := func(n int) float64 { return float64(n) / float64(rows) }
	t.Logf("%s: %d rows in segments, %.1f bytes each: blocks %.1f, traces %.1f, spans %.1f, labels %.1f, text filter %.1f, words %.1f",
		name, rows, each(all), each(data), each(traces), each(spans), each(labels), each(grams), each(words))
	require.LessOrEqual(t, each(all), most)
}
