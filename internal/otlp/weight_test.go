// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// field writes a field that holds bytes.
func field(number byte, content string) string {
	length := []byte{}
	for n := len(content); ; n >>= 7 {
		if n < 0x80 {
			length = append(length, byte(n))
			break
		}
		length = append(length, byte(n)|0x80)
	}
	return string(append([]byte{number<<3 | wireLength}, length...)) + content
}

// wrapItems wraps items into an export request of any signal.
func wrapItems(items string) []byte { return []byte(field(1, field(2, items))) }

// scaled is a request of many small parts, and how it is decoded and weighed.
type scaled struct {
	part   string // of which there are many
	whole  func(parts string) []byte
	decode func([]byte) (any, error)
	weigh  func([]byte, int) (int, error)
}

func scaledRequests() map[string]scaled {
	scale := NewScale()
	logs := func(raw []byte) (any, error) {
		r := plogotlp.NewExportRequest()
		err := r.UnmarshalProto(raw)
		return []any{r, EventsFromLogs(r.Logs())}, err
	}
	traces := func(raw []byte) (any, error) {
		r := ptraceotlp.NewExportRequest()
		err := r.UnmarshalProto(raw)
		return []any{r, SpansFromTraces(r.Traces())}, err
	}
	metrics := func(raw []byte) (any, error) {
		r := pmetricotlp.NewExportRequest()
		err := r.UnmarshalProto(raw)
		return []any{r, PointsFromMetrics(r.Metrics())}, err
	}
	attribute := field(1, "k") + field(2, field(1, "v"))
	item := func(number byte) func(string) []byte {
		return func(parts string) []byte { return wrapItems(field(number, parts)) }
	}
	metric := func(kind byte) func(string) []byte {
		return func(parts string) []byte { return wrapItems(field(2, field(1, "m")+field(kind, parts))) }
	}
	return map[string]scaled{
		"empty records":      {field(2, ""), wrapItems, logs, scale.Logs},
		"attributes":         {field(6, attribute), item(2), logs, scale.Logs},
		"empty attributes":   {field(6, ""), item(2), logs, scale.Logs},
		"items of an array":  {field(1, ""), func(p string) []byte { return wrapItems(field(2, field(5, field(5, p)))) }, logs, scale.Logs},
		"entries of a map":   {field(1, ""), func(p string) []byte { return wrapItems(field(2, field(5, field(6, p)))) }, logs, scale.Logs},
		"empty resources":    {field(1, ""), func(p string) []byte { return []byte(p) }, logs, scale.Logs},
		"empty scopes":       {field(2, ""), func(p string) []byte { return []byte(field(1, p)) }, logs, scale.Logs},
		"resource attribute": {field(1, attribute), func(p string) []byte { return []byte(field(1, field(1, p)+field(2, field(2, "")))) }, logs, scale.Logs},
		"empty spans":        {field(2, ""), wrapItems, traces, scale.Traces},
		"span attributes":    {field(9, attribute), item(2), traces, scale.Traces},
		"span events":        {field(11, ""), item(2), traces, scale.Traces},
		"span links":         {field(13, ""), item(2), traces, scale.Traces},
		"empty metrics":      {field(2, ""), wrapItems, metrics, scale.Metrics},
		"gauge points":       {field(1, ""), metric(5), metrics, scale.Metrics},
		"histogram points":   {field(1, ""), metric(9), metrics, scale.Metrics},
		"exponential points": {field(1, ""), metric(10), metrics, scale.Metrics},
		"summary points":     {field(1, ""), metric(11), metrics, scale.Metrics},
	}
}

// What a request is said to take is at least what decoding it takes, and not
// many times as much.
func TestAScaleKnowsWhatDecodingTakes(t *testing.T) {
	const parts = 50_000
	for name, r := range scaledRequests() {
		t.Run(name, func(t *testing.T) {
			raw := r.whole(strings.Repeat(r.part, parts))
			weight, err := r.weigh(raw, math.MaxInt)
			require.NoError(t, err)
			taken := heldBy(t, func() any {
				decoded, err := r.decode(raw)
				require.NoError(t, err)
				return decoded
			})
			t.Logf("weighs %d, takes %d", weight, taken)
			assert.GreaterOrEqual(t, weight, taken)
			assert.Less(t, weight, 5*taken+len(raw)*weightByte)
		})
	}
}

// heldBy returns the bytes that live because of what is made.
func heldBy(t *testing.T, made func() any) int {
	t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers and pools let go of
	runtime.ReadMemStats(&before)
	kept := made()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return int(int64(after.HeapAlloc) - int64(before.HeapAlloc))
}

func TestAScaleStopsAtItsLimit(t *testing.T) {
	raw := wrapItems(strings.Repeat(field(2, ""), 1000))
	weight, err := NewScale().Logs(raw, 10_000)
	require.NoError(t, err)
	assert.Greater(t, weight, 10_000)
	assert.Less(t, weight, 10_000+2*weightRecord)
}

func TestAScaleRefusesWhatCannotBeDecoded(t *testing.T) {
	scale := NewScale()
	_, err := scale.Logs([]byte{1<<3 | wireLength, 5}, math.MaxInt)
	require.ErrorIs(t, err, errBroken)
	nested := ""
	for range maxDepth {
		nested = field(5, field(1, nested))
	}
	_, err = scale.Logs(wrapItems(field(2, field(5, nested))), math.MaxInt)
	require.ErrorIs(t, err, ErrTooDeep)
}

func TestAScaleWeighsJSON(t *testing.T) {
	records := strings.Repeat(`{},`, 1000)
	assert.Equal(t, 1001*weightJSON+weightByte*(len(records)+13), NewScale().JSON([]byte(`{"records":[`+records+`]`)))
}
