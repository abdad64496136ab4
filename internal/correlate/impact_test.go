// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
)

func TestRequestsThatTakeTwiceAsLongAreAffected(t *testing.T) {
	by := norms{failed: 0.001, slow: 0.01, long: 0.2}
	for _, c := range []struct {
		what         string
		o            outcome
		median       bool
		failed, slow float64
	}{
		{"beyond the 99th percentile", outcome{n: 100, timed: 100, slow: 51, long: 60}, false, 0, 50.5},
		{"all take twice as long, few beyond the 99th percentile", outcome{n: 100, timed: 100, slow: 21, long: 100}, false, 0, 100},
		{"half of them", outcome{n: 100, timed: 100, slow: 11, long: 60}, false, 0, 50},
		{"some failed", outcome{n: 100, failed: 20, timed: 80, long: 80}, false, 19.9, 80},
		{"as many as before", outcome{n: 100, timed: 100, slow: 1, long: 22}, false, 0, 0},
		{"without durations", outcome{n: 100, failed: 50}, false, 49.9, 0},
		{"judged by the median alone", outcome{n: 100, timed: 100, slow: 60, long: 60}, true, 0, 59.6},
	} {
		failed, slow := affectedOf(c.o, by, c.median)
		assert.InDelta(t, c.failed, failed, 0.1, c.what)
		assert.InDelta(t, c.slow, slow, 0.1, c.what)
	}
}

func TestAnAnomalyLongBeforeTheOthersIsNotTheBegin(t *testing.T) {
	at := func(seconds int64) model.Nanos { return begin + model.Nanos(seconds)*1e9 }
	g := &group{opened: at(300), last: at(400), members: map[signKey]*sign{}}
	for i, seconds := range []int64{300, 290, 210, 100, 340} {
		key := signKey{service: "orders", class: classError, what: string(rune('a' + i))}
		g.members[key] = &sign{key: key, onset: at(seconds), strength: baseline.MaxStrength}
	}
	assert.Equal(t, at(210), g.span().Start, "80 s before the next one; the one at 100 is 110 s before it")
}
