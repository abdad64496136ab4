// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tapio/tapio/internal/tapio"
)

// unpacked returns the points of a batch in words.
func unpacked(t testing.TB, b *tapio.PointBatch) []tapio.Point {
	t.Helper()
	words := func(p tapio.Packed) tapio.Unpacker {
		require.Equal(t, xxhash.Sum64(b.Key(p)), p.Hash)
		return tapio.Unpack(string(b.Key(p)))
	}
	series := make([]tapio.Series, len(b.Origins))
	for i, o := range b.Origins {
		metric, resource, scope := words(o.Metric), words(o.Resource), words(o.Scope)
		series[i] = tapio.Series{Metric: metric.Metric(), Resource: resource.Resource(), Scope: scope.Scope()}
	}
	points := make([]tapio.Point, len(b.Points))
	for i := range b.Points {
		packed := &b.Points[i]
		of, attributes := series[packed.Origin], words(packed.Attributes)
		of.Attributes = attributes.Attributes()
		require.False(t, attributes.Broken() || !attributes.Done())
		points[i] = tapio.Point{
			Series: &of, Time: packed.Time, Start: packed.Start,
			Number: packed.Number, Bits: packed.Bits, Flags: packed.Flags,
		}
		if extra := tapio.Unpack(string(b.Extra(packed))); !extra.Done() {
			extra.ReadExtra(&points[i])
			require.False(t, extra.Broken() || !extra.Done())
		}
	}
	return points
}

func requireSamePacked(t *testing.T, batch *tapio.PointBatch, metrics pmetric.Metrics) {
	t.Helper()
	batch.Reset()
	ReadMetrics(batch, metrics)
	want, got := PointsFromMetrics(metrics), unpacked(t, batch)
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t,
			marshalMetrics(t, metricsFromPoints(want[i:i+1])), marshalMetrics(t, metricsFromPoints(got[i:i+1])))
	}
}

func TestABatchSaysTheSameAsItsPoints(t *testing.T) {
	var batch tapio.PointBatch // used again, as the exporter does
	for seed := range uint64(rounds) {
		requireSamePacked(t, &batch, newMaker(seed).metrics())
	}
	requireSamePacked(t, &batch, pmetric.NewMetrics())
	require.Empty(t, batch.Points)
}

func BenchmarkReadMetrics(b *testing.B) {
	metrics := fullMetrics()
	var batch tapio.PointBatch
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		ReadMetrics(&batch, metrics)
	}
}
