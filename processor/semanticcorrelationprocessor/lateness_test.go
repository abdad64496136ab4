// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/model"
)

const lateAt = 1_700_000_000 * model.Nanos(time.Second)

func TestLatenessIsMeasuredBySource(t *testing.T) {
	now, least := time.Unix(1_700_000_000, 0), model.Nanos(5*time.Second)
	var l lags
	assert.Equal(t, least, l.longest(least, now))
	for i := range 1000 {
		l.see("prompt", lateAt-model.Nanos(i%3)*model.Nanos(time.Second), lateAt, now)
	}
	assert.Equal(t, least, l.longest(least, now), "all come in time")
	l.see("prompt", lateAt-50*model.Nanos(time.Second), lateAt, now)
	assert.Equal(t, least, l.longest(least, now), "one of a thousand is late")
	for range minBatches {
		l.see("queueing", lateAt-30*model.Nanos(time.Second), lateAt, now)
	}
	assert.Equal(t, model.Nanos(31*time.Second), l.longest(least, now), "one source always is, however seldom it sends")
	for range minBatches {
		l.see("backfill", lateAt-7200*model.Nanos(time.Second), lateAt, now)
	}
	assert.Equal(t, model.Nanos(31*time.Second), l.longest(least, now), "what is from long ago is not waited for")
	later := now.Add(2 * lagIdle)
	assert.Equal(t, least, l.longest(least, later), "what sends nothing is not waited for")
}

func TestSourcesAreBounded(t *testing.T) {
	var l lags
	now := time.Unix(1_700_000_000, 0)
	for i := range 10 * maxSources {
		l.see(fmt.Sprint(i), lateAt, lateAt, now)
	}
	assert.LessOrEqual(t, len(l.sources), maxSources)
}
