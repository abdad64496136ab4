// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

func spanID(n uint64) (id model.SpanID) {
	binary.BigEndian.PutUint64(id[:], n)
	return id
}

func timed(id, parent uint64, start, end model.Nanos) model.Span {
	return model.Span{SpanID: spanID(id), ParentID: spanID(parent), Start: start, End: end}
}

// drawn shows a layout: one line a span, indented by depth, with its self time,
// * where critical, ? where orphaned.
func drawn(spans []model.Span) string {
	var out strings.Builder
	for _, p := range layOut(spans) {
		id := binary.BigEndian.Uint64(spans[p.span].SpanID[:])
		fmt.Fprintf(&out, "%s%d self=%d", strings.Repeat(".", int(p.depth)), id, p.selfTime)
		if p.critical {
			out.WriteString(" *")
		}
		if p.orphan {
			out.WriteString(" ?")
		}
		out.WriteString("\n")
	}
	return out.String()
}

func TestLayOut(t *testing.T) {
	for name, tc := range map[string]struct {
		spans []model.Span
		want  string
	}{
		"one after the other": {
			[]model.Span{timed(1, 0, 0, 100), timed(2, 1, 10, 20), timed(3, 1, 30, 90), timed(4, 3, 40, 50)},
			"1 self=30 *\n.2 self=10 *\n.3 self=50 *\n..4 self=10 *\n",
		},
		"side by side": {
			[]model.Span{timed(1, 0, 0, 100), timed(2, 1, 10, 50), timed(3, 1, 30, 90)},
			"1 self=20 *\n.2 self=40\n.3 self=60 *\n",
		},
		"children clipped": {
			[]model.Span{timed(1, 0, 10, 100), timed(2, 1, 0, 20), timed(3, 1, 15, 30), timed(4, 1, 90, 500)},
			"1 self=60 *\n.2 self=20\n.3 self=15 *\n.4 self=410 *\n",
		},
		"child outlives parent and ends the trace": {
			[]model.Span{timed(1, 0, 0, 10), timed(2, 1, 5, 8), timed(3, 1, 4, 20), timed(4, 3, 5, 50), timed(5, 1, 1, 2)},
			"1 self=3 *\n.5 self=1 *\n.3 self=1 *\n..4 self=45 *\n.2 self=3\n",
		},
		"clock skew counts up to the parent's end": {
			[]model.Span{timed(1, 0, 0, 100), timed(2, 1, 10, 50), timed(3, 2, 20, 55), timed(4, 1, 60, 90)},
			"1 self=30 *\n.2 self=10 *\n..3 self=35 *\n.4 self=30 *\n",
		},
		"unordered input": {
			[]model.Span{timed(3, 1, 30, 40), timed(1, 0, 0, 100), timed(2, 1, 10, 20)},
			"1 self=80 *\n.2 self=10 *\n.3 self=10 *\n",
		},
		"orphans": {
			[]model.Span{timed(2, 9, 10, 20), timed(3, 2, 12, 15), timed(4, 8, 30, 40)},
			"2 self=7 ?\n.3 self=3\n4 self=10 * ?\n",
		},
		"own parent": {[]model.Span{timed(1, 1, 0, 10)}, "1 self=10 *\n"},
		"cycle": {
			[]model.Span{timed(1, 2, 0, 100), timed(2, 3, 10, 90), timed(3, 1, 20, 80), timed(4, 0, 1, 2)},
			"4 self=1\n1 self=40 *\n.3 self=0 *\n..2 self=80 *\n",
		},
		"one id twice": {
			[]model.Span{timed(1, 0, 0, 100), timed(2, 1, 10, 90), timed(2, 1, 20, 80), timed(3, 2, 30, 40)},
			"1 self=20 *\n.2 self=70 *\n..3 self=10 *\n.2 self=60\n",
		},
		"twins that are each other's parent": {
			[]model.Span{timed(1, 1, 0, 100), timed(1, 1, 10, 90)},
			"1 self=20 *\n.1 self=80 *\n",
		},
		"end before start": {
			[]model.Span{timed(1, 0, 50, 10), timed(2, 1, 60, 55)},
			"1 self=0 *\n.2 self=0 *\n",
		},
		"no ids": {[]model.Span{timed(0, 0, 0, 1), timed(0, 0, 2, 3)}, "0 self=1\n0 self=1 *\n"},
		"none":   {nil, ""},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tc.want, drawn(tc.spans)) })
	}
}

func TestLayOutPlacesEverySpanOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 2_000 {
		spans := make([]model.Span, 1+r.IntN(12))
		for i := range spans {
			start := model.Nanos(r.IntN(50))
			spans[i] = timed(r.Uint64N(8), r.Uint64N(10), start, start+model.Nanos(r.IntN(50))-5)
		}
		var placed []int
		critical := false
		for _, p := range layOut(spans) {
			placed = append(placed, p.span)
			critical = critical || p.critical
			require.LessOrEqual(t, p.selfTime, spans[p.span].Duration())
		}
		slices.Sort(placed)
		for i := range spans {
			require.Equal(t, i, placed[i])
		}
		require.Len(t, placed, len(spans))
		require.True(t, critical)
	}
}

func TestLayOutOfALongChain(t *testing.T) {
	spans := make([]model.Span, 200_000)
	for i := range spans {
		spans[i] = timed(uint64(i+1), uint64(i), model.Nanos(i), model.Nanos(1_000_000-i))
	}
	out := layOut(spans)
	require.Len(t, out, len(spans))
	assert.Equal(t, uint32(len(spans)-1), out[len(out)-1].depth)
	assert.True(t, out[len(out)-1].critical)
}
