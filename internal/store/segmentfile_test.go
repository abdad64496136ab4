// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/segment"
	"github.com/tapio/tapio/internal/store/segmentfile"
)

// closedLog holds rows in one chunk, which is compacted and to be written.
func closedLog(t testing.TB, now func() time.Time) *log[model.Event] {
	t.Helper()
	l := newLog(eventSignal(), colenc.NewPacker(), now)
	l.setLimits(64*mebibyte, 0)
	require.Zero(t, refusedOf(l.append(richEvents(rand.New(rand.NewPCG(7, 7)), 600))))
	l.directory = &directory{wake: make(chan struct{}, 1)}
	l.compactAll()
	return l
}

func TestFilesOfBothPackingsAreRead(t *testing.T) {
	for name, now := range map[string]func() time.Time{"quick": time.Now, "tight": leisurely()} {
		t.Run(name, func(t *testing.T) {
			l := closedLog(t, now)
			require.Equal(t, name == "quick", l.chunks[0].segment.Packing == colenc.PackQuick)
			into, err := reopened(t, l, segmentfile.FileVersion)
			require.NoError(t, err)
			for seq := uint64(1); seq <= l.last; seq++ {
				want, _ := l.bySeq(seq)
				got, found := into.bySeq(seq)
				require.True(t, found)
				requireEqualEvents(t, &want, &got)
			}
		})
	}
}

func TestOldFilesAreRead(t *testing.T) {
	l := closedLog(t, leisurely()) // as all were
	s := l.chunks[0].segment
	var streams [][]byte
	for _, c := range colenc.Split(nil, s.Unpack(nil, s.Words))[:4] {
		streams = append(streams, c.Bytes)
	}
	s.Words = s.Pack(nil, colenc.Join(nil, streams))
	into, err := reopened(t, l, segmentfile.FirstFileVersion)
	require.NoError(t, err)
	require.Equal(t, l.rows, into.rows)
	_, err = reopened(t, l, segmentfile.FileVersion+1)
	require.ErrorContains(t, err, "has format version 4, this server reads 1 to 3")
}

// reopened reads what another log writes, as a file of some version.
func reopened(t *testing.T, l *log[model.Event], version uint32) (*log[model.Event], error) {
	t.Helper()
	var file bytes.Buffer
	m := l.pending(0)
	_, err := m.WriteTo(&file)
	require.NoError(t, err)
	m.Header.Version = version
	header := new(bytes.Buffer)
	_, err = segmentfile.WriteSummed(header, &m.Header)
	require.NoError(t, err)
	copy(file.Bytes(), header.Bytes())
	r := bytes.NewReader(file.Bytes())
	h, err := segmentfile.ReadHeader(r, max(segment.SegmentRows, maxPointRows))
	if err != nil {
		return nil, err
	}
	into := newLog(eventSignal(), colenc.NewPacker(), time.Now)
	into.setLimits(64*mebibyte, 0)
	restored, err := into.restore(&h, r)
	require.True(t, restored)
	return into, err
}

func FuzzSegmentFile(f *testing.F) {
	l := closedLog(f, time.Now)
	var whole strings.Builder
	_, err := l.pending(0).WriteTo(&whole)
	require.NoError(f, err)
	f.Add([]byte(whole.String()))
	f.Add([]byte(whole.String()[:100]))
	f.Fuzz(func(_ *testing.T, data []byte) {
		into := newLog(eventSignal(), l.packer, time.Now)
		into.setLimits(64*mebibyte, 0)
		r := bytes.NewReader(data)
		h, err := segmentfile.ReadHeader(r, max(segment.SegmentRows, maxPointRows))
		if err != nil {
			return
		}
		if _, err := into.restore(&h, r); err == nil {
			views, _ := into.views()
			for i := range views {
				views[i].row(0)
			}
		}
	})
}
