// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/rowcode"
	"github.com/tapio/tapio/internal/store/wal"
)

func FuzzReplay(f *testing.F) {
	random := rand.New(rand.NewPCG(24, 24))
	e := rowcode.NewEncoder()
	for signal, encode := range []func(){
		func() {
			for _, row := range richEvents(random, 3) {
				e.Event(&row)
			}
		},
		func() {
			for _, row := range richSpans(random, 3) {
				e.Span(&row)
			}
		},
		func() { e.Points(packPoints(richPoints(random, 3))) },
	} {
		e.Reset()
		encode()
		f.Add(uint8(signal), uint32(3), slices.Clone(e.Bytes))
		f.Add(uint8(signal), uint32(3), slices.Clone(e.Payload()))
	}
	packer := colenc.NewPacker()
	f.Fuzz(func(t *testing.T, signal uint8, count uint32, payload []byte) {
		if rows, err := s2.DecodedLen(payload[min(1, len(payload)):]); err == nil && rows > 1<<20 {
			t.Skip("it only takes long")
		}
		h := wal.Header{Signal: signal % 3, Count: count%64 + 1, First: 1, Arrived: 1}
		events, spans, points := newLog(eventSignal(), packer, time.Now), newLog(spanSignal(), packer, time.Now), newPointLog(packer, time.Now)
		events.setLimits(mebibyte, 0)
		spans.setLimits(mebibyte, 0)
		points.setLimits(mebibyte, 0)
		log := []durable{events, spans, points}[h.Signal]
		if log.replay(&h, payload) == nil && log.newest() > uint64(h.Count) {
			t.Fatal("more rows than there are")
		}
		events.compactor.Wait()
		spans.compactor.Wait()
		points.compactor.Wait()
	})
}
