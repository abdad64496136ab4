// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// The part of OTLP/JSON that labelled data sets use.
type (
	otlpLine struct {
		ResourceLogs, ResourceSpans, ResourceMetrics []otlpOrigin
	}
	otlpOrigin struct {
		Resource     struct{ Attributes []otlpAttribute }
		ScopeLogs    []struct{ LogRecords []otlpRecord }
		ScopeSpans   []struct{ Spans []otlpRecord }
		ScopeMetrics []struct {
			Metrics []struct {
				Name, Unit string
				Gauge      struct{ DataPoints []otlpRecord }
			}
		}
	}
	otlpAttribute struct {
		Key   string
		Value struct{ StringValue string }
	}
	otlpRecord struct {
		TimeUnixNano, StartTimeUnixNano, EndTimeUnixNano string
		Body                                             struct{ StringValue string }
		Name                                             string
		SeverityNumber, Kind                             int32
		Attributes                                       []otlpAttribute
		TraceID, SpanID, ParentSpanID                    string
		Status                                           struct{ Code int32 }
		AsDouble                                         float64
	}
	faultCase struct {
		Case       string
		InjectTime uint64 `json:"inject_time_unix_nano"`
		Service    string
		Type       string
	}
	// batch is what came in one line.
	batch struct {
		first  model.Nanos
		events []model.Event
		spans  []model.Span
		points []model.Point
	}
)

// labelledFolders lists the folders of labelled faults; the test is skipped
// without them.
func labelledFolders(t testing.TB) []string {
	t.Helper()
	root := cmp.Or(os.Getenv("TAPIO_DATASETS"), filepath.Join("..", "..", "..", "shared", "datasets"))
	found, err := filepath.Glob(filepath.Join(root, "*", "*", "faults.json"))
	require.NoError(t, err)
	if len(found) == 0 {
		t.Skip("no labelled data sets: set TAPIO_DATASETS to the folder that holds them")
	}
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	return found
}

// readBatches reads a file of OTLP/JSON lines; one that is not there is empty.
func readBatches(t testing.TB, file string) []batch {
	t.Helper()
	packed, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	require.NoError(t, err)
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	require.NoError(t, err)
	lines := json.NewDecoder(bufio.NewReaderSize(unpacked, 1<<20))
	var batches []batch
	for lines.More() {
		var line otlpLine
		require.NoError(t, lines.Decode(&line))
		b := batch{first: math.MaxUint64}
		for _, list := range [][]otlpOrigin{line.ResourceLogs, line.ResourceSpans, line.ResourceMetrics} {
			for i := range list {
				b.take(t, &list[i])
			}
		}
		batches = append(batches, b)
	}
	return batches
}

func (b *batch) take(t testing.TB, o *otlpOrigin) {
	resource, scope := &model.Resource{Attributes: attributesOf(o.Resource.Attributes)}, &model.Scope{}
	for _, s := range o.ScopeLogs {
		for i := range s.LogRecords {
			from := &s.LogRecords[i]
			e := model.Event{
				Time: timeOf(t, from.TimeUnixNano), Body: model.StringValue(from.Body.StringValue),
				SeverityNumber: from.SeverityNumber, Attributes: attributesOf(from.Attributes), Resource: resource, Scope: scope,
			}
			readID(t, e.TraceID[:], from.TraceID)
			readID(t, e.SpanID[:], from.SpanID)
			b.first = min(b.first, e.Time)
			b.events = append(b.events, e)
		}
	}
	for _, s := range o.ScopeSpans {
		for i := range s.Spans {
			from := &s.Spans[i]
			span := model.Span{
				Start: timeOf(t, from.StartTimeUnixNano), End: timeOf(t, from.EndTimeUnixNano), Name: from.Name,
				Kind: from.Kind, StatusCode: from.Status.Code, Attributes: attributesOf(from.Attributes), Resource: resource, Scope: scope,
			}
			readID(t, span.TraceID[:], from.TraceID)
			if sampledAway(span.TraceID) {
				continue
			}
			readID(t, span.SpanID[:], from.SpanID)
			readID(t, span.ParentID[:], from.ParentSpanID)
			b.first = min(b.first, span.Start)
			b.spans = append(b.spans, span)
		}
	}
	for _, s := range o.ScopeMetrics {
		for _, m := range s.Metrics {
			metric := &model.Metric{Name: m.Name, Unit: m.Unit, Type: model.MetricGauge}
			for i := range m.Gauge.DataPoints {
				from := &m.Gauge.DataPoints[i]
				p := model.Point{
					Series: &model.Series{Metric: metric, Resource: resource, Scope: scope, Attributes: attributesOf(from.Attributes)},
					Time:   timeOf(t, from.TimeUnixNano), Bits: math.Float64bits(from.AsDouble), Number: model.NumberDouble,
				}
				b.first = min(b.first, p.Time)
				b.points = append(b.points, p)
			}
		}
	}
}

func attributesOf(list []otlpAttribute) model.Attributes {
	attributes := make(model.Attributes, len(list))
	for i, a := range list {
		attributes[i] = model.KeyValue{Key: a.Key, Value: model.StringValue(a.Value.StringValue)}
	}
	return attributes
}

func readID(t testing.TB, dst []byte, text string) {
	t.Helper()
	_, err := hex.Decode(dst, []byte(text))
	require.NoError(t, err)
}

func timeOf(t testing.TB, text string) model.Nanos {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err)
	return model.Nanos(n)
}
