// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

func TestDurationBound(t *testing.T) {
	assert.Equal(t, "0", model.DurationBound(0))
	assert.Equal(t, "1e-09", model.DurationBound(1))
	assert.Equal(t, "1.07374", model.DurationBound(1e9))
	assert.Equal(t, model.DurationBound(1<<20), model.DurationBound(1<<20-1))
	assert.NotEqual(t, model.DurationBound(1<<20), model.DurationBound(1<<20+1))
	for d := model.Nanos(1); d < 1e12; d += d/3 + 1 {
		upper, err := strconv.ParseFloat(model.DurationBound(d), 64)
		require.NoError(t, err)
		seconds := float64(d) / 1e9
		assert.GreaterOrEqual(t, upper*1.00001, seconds)
		assert.Less(t, upper/1.41422, seconds)
	}
}
