// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"sort"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// iterator reads the samples of one series. The memory is charged to the selection that
// it was made for.
type iterator struct {
	samples []sample
	charged int64
	at      int
	err     error
}

var _ chunkenc.Iterator = (*iterator)(nil)

// load turns the iterator to a series.
func (it *iterator) load(s *promSeries) {
	it.at = -1
	it.samples, it.err = s.samples(it.samples[:0])
	if more := int64(cap(it.samples))*sampleSize - it.charged; it.err == nil && more > 0 {
		if it.err = s.decoded.sel.Take(more); it.err == nil {
			it.charged += more
		}
	}
	if it.err != nil {
		it.samples = it.samples[:0]
	}
}

// Next implements chunkenc.Iterator.
func (it *iterator) Next() chunkenc.ValueType {
	if it.at < len(it.samples) {
		it.at++
	}
	return it.kind()
}

// Seek implements chunkenc.Iterator.
func (it *iterator) Seek(t int64) chunkenc.ValueType { //nolint:govet // the name is chunkenc's, it is no io.Seeker
	from := max(it.at, 0)
	if from < len(it.samples) && it.samples[from].t >= t {
		it.at = from
		return it.kind()
	}
	it.at = from + sort.Search(len(it.samples)-min(from, len(it.samples)), func(i int) bool { return it.samples[from+i].t >= t })
	return it.kind()
}

func (it *iterator) kind() chunkenc.ValueType {
	switch {
	case it.at >= len(it.samples):
		return chunkenc.ValNone
	case it.samples[it.at].h != nil:
		return chunkenc.ValHistogram
	default:
		return chunkenc.ValFloat
	}
}

// At implements chunkenc.Iterator.
func (it *iterator) At() (int64, float64) { return it.samples[it.at].t, it.samples[it.at].f }

// AtHistogram implements chunkenc.Iterator.
func (it *iterator) AtHistogram(into *histogram.Histogram) (int64, *histogram.Histogram) {
	s := &it.samples[it.at]
	if into == nil {
		return s.t, s.h.Copy()
	}
	s.h.CopyTo(into)
	return s.t, into
}

// AtFloatHistogram implements chunkenc.Iterator.
func (it *iterator) AtFloatHistogram(into *histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	s := &it.samples[it.at]
	return s.t, s.h.ToFloat(into)
}

// AtT implements chunkenc.Iterator.
func (it *iterator) AtT() int64 { return it.samples[it.at].t }

// AtST implements chunkenc.Iterator.
func (it *iterator) AtST() int64 { return it.samples[it.at].st }

// Err implements chunkenc.Iterator.
func (it *iterator) Err() error { return it.err }
