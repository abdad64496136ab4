// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
)

// rowsFrom makes rows of any bytes: few series and small steps are as likely as
// numbers all over the place.
func rowsFrom(data []byte) (rows []pointRow) {
	var row pointRow
	number := func(before uint64) uint64 {
		if len(data) < 9 {
			data = nil
			return before
		}
		step := binary.LittleEndian.Uint64(data[1:])
		switch width := data[0] % 5; width {
		case 0:
			data = data[1:]
			return before
		case 4:
			data = data[9:]
			return step
		default:
			data = data[1+width:]
			return before + step&(1<<(8*width)-1)
		}
	}
	for len(data) > 9 {
		kind := data[0]
		row.time, row.start = model.Nanos(number(uint64(row.time))), model.Nanos(number(uint64(row.start)))
		row.bits, row.flags = number(row.bits), uint32(number(uint64(row.flags)))
		row.series, row.number = uint32(kind)%7, model.NumberKind(kind>>3%3)
		rows = append(rows, row)
	}
	return rows
}

// FuzzCompactedPoints: what is compacted comes back, bit by bit and in its place.
func FuzzCompactedPoints(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12"))
	f.Add(make([]byte, 400))
	long := make([]byte, 4000)
	for i := range long {
		long[i] = byte(i * i >> 3)
	}
	f.Add(long)
	f.Fuzz(func(t *testing.T, data []byte) {
		rows := rowsFrom(data)
		if len(rows) == 0 {
			return
		}
		s := compactPoints(rows, nil)
		got := make([]pointRow, len(rows))
		for at := range s.stretches {
			r := pointReader{BitReader: colenc.BitReader{Bytes: s.data[at.data:]}, pointState: newPointState(&s.timing)}
			for range at.count {
				place := r.Read()
				row := r.row
				row.series = at.series
				got[place] = row
			}
		}
		require.Equal(t, rows, got)
	})
}

// FuzzUnpack: foreign bytes break an Unpacker, not the process, and what is read
// whole is written the same again.
func FuzzUnpack(f *testing.F) {
	f.Add(model.AppendAttributes(nil, attributes("a", "b", "c", "d")))
	f.Add(model.AppendExtra(nil, &model.Point{Histogram: &model.Histogram{Count: 3, Bounds: []float64{1, 2}, Counts: []uint64{1, 2, 0}}}))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, data []byte) {
		words := model.Unpack(string(data))
		list := words.Attributes()
		if again := model.Unpack(string(model.AppendAttributes(nil, list))); !words.Broken() {
			require.True(t, list.Equal(again.Attributes()))
			require.True(t, again.Done())
		}
		var p, q model.Point
		extra := model.Unpack(string(data))
		extra.ReadExtra(&p)
		var coder colenc.ExtraCoder
		stream := coder.Append(nil, &p)
		coder.Begin()
		restored := model.Unpack(string(stream))
		coder.Read(&restored, &q)
		require.False(t, restored.Broken())
		require.Equal(t, model.AppendExtra(nil, &p), model.AppendExtra(nil, &q))
	})
}
