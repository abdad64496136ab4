// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package losslog_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tapio/tapio/internal/losslog"
)

func TestTheFirstLossOfEachReasonThenTheirRate(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	now := time.Unix(1700000000, 0)
	losses := losslog.New(zap.New(core), "records were refused", "records", func() time.Time { return now })

	losses.Add("rejected", 0, nil)
	require.Zero(t, logged.Len(), "nothing was lost")
	losses.Add("rejected", 2, errors.New("too long"))
	losses.Add("full", 1, nil)
	for range 100 {
		now = now.Add(losslog.Interval / 200)
		losses.Add("rejected", 3, nil)
	}
	require.Equal(t, 2, logged.Len(), "one message for each reason")
	now = now.Add(losslog.Interval)
	losses.Add("rejected", 5, nil)

	var fields []map[string]any
	for _, entry := range logged.All() {
		assert.Equal(t, "records were refused", entry.Message)
		fields = append(fields, entry.ContextMap())
	}
	assert.Equal(t, []map[string]any{
		{"reason": "rejected", "records": uint64(2), "total_records": uint64(2), "error": "too long"},
		{"reason": "full", "records": uint64(1), "total_records": uint64(1)},
		{"reason": "rejected", "records": uint64(305), "total_records": uint64(307), "since_last_message": 90 * time.Second},
	}, fields)
}

func TestTotals(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	losses := losslog.New(zap.New(core), "records were dropped", "records", time.Now)
	losses.Total("rate_limit", 0, nil)
	require.Zero(t, logged.Len())
	losses.Total("rate_limit", 7, nil)
	losses.Total("rate_limit", 7, nil)
	require.Equal(t, 1, logged.Len())
	assert.Equal(t, uint64(7), logged.All()[0].ContextMap()["records"])
}
