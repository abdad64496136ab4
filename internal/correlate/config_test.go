// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

func TestZeroConfigTakesTheDefaults(t *testing.T) {
	e, err := New(Config{})
	require.NoError(t, err)
	require.Equal(t, 128<<20, e.Stats().MemoryLimit)
}

func TestBadConfigNamesItsField(t *testing.T) {
	for field, config := range map[string]Config{
		"memory_limit": {MemoryLimit: 5},
		"window":       {Window: time.Hour},
		"close_after":  {Window: time.Minute, CloseAfter: time.Second},
	} {
		_, err := New(config)
		var wrong *model.FieldError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, field, wrong.Field)
	}
}
