// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"

	"github.com/tapio/tapio/internal/tapio"
)

// encodeSeries writes the series and their metrics.
func (v *vocabulary) encodeSeries() []byte {
	var series []byte
	for _, s := range v.series.values {
		series = appendNumbers(series, uint64(v.metrics.place(s.Metric)),
			uint64(v.resources.place(s.Resource)), uint64(v.scopes.place(s.Scope)))
		series = appendAttributeList(series, s.Attributes)
	}
	dst := binary.AppendUvarint(nil, uint64(len(v.metrics.values)))
	for _, m := range v.metrics.values {
		dst = appendMetricWords(dst, m)
	}
	return append(binary.AppendUvarint(dst, uint64(len(v.series.values))), series...)
}

func appendMetricWords(dst []byte, m *tapio.Metric) []byte {
	dst = appendString(appendString(appendString(dst, m.Name), m.Description), m.Unit)
	monotonic := uint64(0)
	if m.Monotonic {
		monotonic = 1
	}
	dst = appendNumbers(dst, uint64(m.Type), zigzag(int64(m.Temporality)), monotonic)
	return appendAttributeList(dst, m.Metadata)
}

// readSeries needs the resources and scopes.
func (d *dictionary) readSeries(c *cursor) {
	metrics := make([]*tapio.Metric, c.uvarint())
	for i := range metrics {
		metrics[i] = &tapio.Metric{
			Name: string(c.text()), Description: string(c.text()), Unit: string(c.text()),
			Type: tapio.MetricType(c.uvarint()), Temporality: tapio.Temporality(c.varint()), Monotonic: c.uvarint() != 0,
			Metadata: readAttributeList(c),
		}
	}
	d.series = make([]*tapio.Series, c.uvarint())
	for i := range d.series {
		d.series[i] = &tapio.Series{
			Metric: metrics[c.uvarint()], Resource: d.resources[c.uvarint()], Scope: d.scopes[c.uvarint()],
			Attributes: readAttributeList(c),
		}
	}
}
