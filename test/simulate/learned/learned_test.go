// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package learned

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/test/simulate/world"
)

const hour = 360 // buckets

// shop lets front call store for three hours; store takes ten times as long from the
// bucket slow on, for five minutes.
func shop(slow int) *Measures {
	m := NewMeasures(0)
	chance := rand.New(rand.NewPCG(3, 3))
	for bucket := range 3 * hour {
		for range 20 {
			took := 10 + 2*chance.Float64()
			if bucket >= slow && bucket < slow+30 {
				took *= 10
			}
			at := int64(bucket)*Bucket + chance.Int64N(Bucket-int64(time.Second))
			m.Add(spans(at, took))
		}
	}
	return m
}

// spans are those of a request that took so many milliseconds at store.
func spans(at int64, took float64) ptrace.Traces {
	traces := ptrace.NewTraces()
	add := func(service string, kind ptrace.SpanKind, to string, took float64) {
		resource := traces.ResourceSpans().AppendEmpty()
		resource.Resource().Attributes().PutStr("service.name", service)
		span := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
		span.SetKind(kind)
		if to != "" {
			span.Attributes().PutStr("server.address", to)
		}
		span.SetStartTimestamp(pcommon.Timestamp(at))
		span.SetEndTimestamp(pcommon.Timestamp(at + int64(took*1e6)))
	}
	add("front", ptrace.SpanKindServer, "", took+3)
	add("front", ptrace.SpanKindClient, "store", took+1)
	add("store", ptrace.SpanKindServer, "", took)
	return traces
}

func TestEachModelFindsAServiceThatIsSlow(t *testing.T) {
	const slow = 2 * hour
	m := shop(slow)
	middle := map[string]float64{"isolation forest": 0.56, "matrix profile": 6, "distance from the median": 6}
	for _, model := range Models() {
		found := m.Score(model, 3*hour*Bucket).Incidents(middle[model.Name])
		require.Len(t, found, 1, model.Name)
		assert.GreaterOrEqual(t, found[0].From, slow*Bucket, model.Name)
		assert.Less(t, found[0].From, (slow+6)*Bucket, model.Name)
		assert.Equal(t, []string{"store", "front"}, found[0].Causes, model.Name)
	}
}

func TestACalledAddressIsMeasuredByItsCallersOnlyIfItSendsNoSpans(t *testing.T) {
	m := NewMeasures(0)
	m.Add(spans(0, 10))
	assert.Len(t, m.entities["store"].buckets[0].durations, 1, "its own spans count, not those of its caller")
	assert.Len(t, m.entities["front"].buckets[0].durations, 1)
}

func TestABucketWithoutRequestsHasNoNewDurations(t *testing.T) {
	r := &requests{buckets: []bucketOf{{failed: 1, durations: []float64{10, 10}}}}
	got := r.series(2)
	assert.Zero(t, got[1][0])
	assert.Equal(t, got[0][1:], got[1][1:])
	assert.InDelta(t, 0.5, got[0][1], 1e-9)
}

func TestTalliesCountWhatIsRightAndWhatIsFalse(t *testing.T) {
	minute := int64(time.Minute)
	w := &world.World{Services: make([]*world.Service, 10), Happenings: []*world.Happening{
		{Start: 10 * minute, End: 20 * minute, Entities: []string{"store"}, Observed: world.Affected{Failed: 100}},
		{Start: 30 * minute, End: 40 * minute, Entities: []string{"front-1"}, Narrow: true, Observed: world.Affected{Slow: 100}},
		{Start: 50 * minute, End: 60 * minute, Entities: []string{"unseen"}, Observed: world.Affected{Slow: 3}},
		{Start: 70 * minute, End: 80 * minute, Harmless: true},
	}}
	var tally Tally
	tally.Add(w, -int64(12*time.Hour), []Incident{
		{From: 11 * minute, Causes: []string{"front", "store"}},
		{From: 42 * minute, Causes: []string{"front"}},
		{From: 71 * minute, Causes: []string{"front"}},
	})
	assert.InDelta(t, 0.25, tally.Days, 1e-9, "half a day of half as many services")
	tally.Days = 0
	assert.Equal(t, Tally{Faults: 2, Detected: 2, First: 1, Third: 2, Incidents: 3, False: 1}, tally)
}
