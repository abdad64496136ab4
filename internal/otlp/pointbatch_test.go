// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tapio/tapio/internal/model"
)

// unpacked returns the points of a batch in words.
func unpacked(t testing.TB, b *model.PointBatch) []model.Point {
	t.Helper()
	words := func(p model.Packed) model.Unpacker {
		require.Equal(t, xxhash.Sum64(b.Key(p)), p.Hash)
		return model.Unpack(string(b.Key(p)))
	}
	series := make([]model.Series, len(b.Origins))
	for i, o := range b.Origins {
		metric, resource, scope := words(o.Metric), words(o.Resource), words(o.Scope)
		series[i] = model.Series{Metric: metric.Metric(), Resource: resource.Resource(), Scope: scope.Scope()}
	}
	points := make([]model.Point, len(b.Points))
	for i := range b.Points {
		packed := &b.Points[i]
		of, attributes := series[packed.Origin], words(packed.Attributes)
		of.Attributes = attributes.Attributes()
		require.False(t, attributes.Broken() || !attributes.Done())
		points[i] = model.Point{
			Series: &of, Time: packed.Time, Start: packed.Start,
			Number: packed.Number, Bits: packed.Bits, Flags: packed.Flags,
		}
		if extra := model.Unpack(string(b.Extra(packed))); !extra.Done() {
			extra.ReadExtra(&points[i])
			require.False(t, extra.Broken() || !extra.Done())
		}
	}
	return points
}

func requireSamePacked(t *testing.T, batch *model.PointBatch, metrics pmetric.Metrics) {
	t.Helper()
	batch.Reset()
	ReadMetrics(batch, metrics)
	want, got := PointsFromMetrics(metrics), unpacked(t, batch)
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t,
			marshalMetrics(t, MetricsFromPoints(want[i:i+1])), marshalMetrics(t, MetricsFromPoints(got[i:i+1])))
	}
}

func TestABatchSaysTheSameAsItsPoints(t *testing.T) {
	var batch model.PointBatch // used again, as the exporter does
	for seed := range uint64(rounds) {
		requireSamePacked(t, &batch, newMaker(seed).metrics())
	}
	requireSamePacked(t, &batch, pmetric.NewMetrics())
	require.Empty(t, batch.Points)
}

func BenchmarkReadMetrics(b *testing.B) {
	metrics := fullMetrics()
	var batch model.PointBatch
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		ReadMetrics(&batch, metrics)
	}
}
