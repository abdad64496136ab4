// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/client"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// A writer that is asked for smaller batches makes them.
func TestFlowControlMakesBatchesSmaller(t *testing.T) {
	server := &flaky{trouble: func(int) trouble { return none }}
	w := client.NewWriter(server.serve(t), client.WriterOptions{BatchEvents: 100, Window: 1})
	w.ApplyFlowControl(&tapiov1.FlowControl{MaxBatchRecords: 5})
	for i := range 100 {
		require.NoError(t, w.Write(bounded(t), event(i)))
	}
	require.NoError(t, w.Close(bounded(t)))
	assert.GreaterOrEqual(t, server.arrivals, 20)
	assert.Len(t, server.events, 100)
}

// A pause holds everything back, until the server thinks better of it.
func TestWriterPauses(t *testing.T) {
	server := &flaky{trouble: func(int) trouble { return none }}
	w := client.NewWriter(server.serve(t), client.WriterOptions{BatchEvents: 1, Window: 1})
	require.NoError(t, w.Write(bounded(t), event(1)))
	require.NoError(t, w.Flush(bounded(t)))
	for _, hold := range []*tapiov1.FlowControl{
		{Pause: durationpb.New(time.Hour)}, {SendInterval: durationpb.New(time.Hour)}, {MaxRecordsPerSecond: 1.0 / 3600},
	} {
		w.ApplyFlowControl(hold)
		before := w.Stats().Batches
		require.NoError(t, w.Write(bounded(t), event(2)))
		assert.Equal(t, before, w.Stats().Batches)
		w.ApplyFlowControl(nil)
		require.NoError(t, w.Flush(bounded(t)), "else it waits an hour")
	}
	require.NoError(t, w.Close(bounded(t)))
	assert.Len(t, server.events, 4)
}

// A pause does not hold up the end.
func TestWriterClosesInAPause(t *testing.T) {
	server := &flaky{trouble: func(int) trouble { return none }}
	w := client.NewWriter(server.serve(t), client.WriterOptions{})
	w.ApplyFlowControl(&tapiov1.FlowControl{Pause: durationpb.New(time.Hour)})
	require.NoError(t, w.Write(bounded(t), event(1)))
	ended, cancel := contextEnded(t)
	defer cancel()
	require.Error(t, w.Close(ended))
	assert.Empty(t, server.events)
}
