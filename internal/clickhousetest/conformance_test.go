// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhousetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/backend/conformance"
	"github.com/tapio/tapio/internal/backend/federation"
	"github.com/tapio/tapio/internal/backend/tiered"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/store"
)

func TestReaderConforms(t *testing.T) {
	theEngine(t)
	conformance.Run(t, func(t *testing.T) conformance.Backend {
		d := newDatabase(t, false)
		return conformance.Backend{Reader: newReader(t, d.options()), Write: d.write, Keeps: keep}
	})
}

// Memory holds what it was sent as the exporter keeps it, so that both tiers hold the same.
func TestMemoryBeforeClickHouseConforms(t *testing.T) {
	theEngine(t)
	conformance.Run(t, func(t *testing.T) conformance.Backend {
		d := newDatabase(t, false)
		memory := store.New(store.Limits{Logs: 64 << 20, Traces: 64 << 20, Metrics: 64 << 20, QueryMemory: 64 << 20}, time.Now)
		t.Cleanup(memory.Close)
		tiers := tiered.New(tiered.Options{
			Recent: federation.Member{Name: "memory", Reader: memory.Reader()}, Older: federation.Member{Name: "clickhouse", Reader: newReader(t, d.options())},
			Since: func() model.Nanos { return conformance.DatasetStart + model.Nanos(4*time.Minute+33*time.Second) }, Timeout: time.Minute, Calls: 8, QueryMemory: 64 << 20,
			Now: time.Now, Panicked: func(err error) { assert.NoError(t, err) },
		})
		write := func(t *testing.T, data conformance.Telemetry) {
			d.write(t, data)
			keep(data)
			_, err := memory.AppendEvents(otlp.EventsFromLogs(data.Logs))
			require.NoError(t, err)
			_, err = memory.AppendSpans(otlp.SpansFromTraces(data.Traces))
			require.NoError(t, err)
			_, err = memory.AppendPoints(otlp.PointsFromMetrics(data.Metrics))
			require.NoError(t, err)
		}
		return conformance.Backend{Reader: tiers, Write: write, Keeps: keep}
	})
}

// Both protocols carry parameters in their own way.
func TestHostileTextsOverBothProtocols(t *testing.T) {
	hostile := "x' OR 1=1 -- \\' {p0:String} `\n\t\\\\"
	d := newDatabase(t, false)
	data := conformance.Telemetry{}
	data.Logs, data.Traces, data.Metrics = otlp.LogsFromEvents([]model.Event{{
		Time: 1_790_000_000_000_000_000, Resource: &model.Resource{}, Scope: &model.Scope{}, Body: model.StringValue("y"),
		Attributes: model.Attributes{{Key: hostile, Value: model.StringValue(hostile)}},
	}}), emptyTraces(), emptyMetrics()
	d.write(t, data)
	selector, err := model.NewSelector(hostile, "=", []string{hostile})
	require.NoError(t, err)
	for _, endpoint := range []string{"http://" + d.engine.http, "clickhouse://" + d.engine.native} {
		options := d.options()
		options.Endpoint = endpoint
		page, err := newReader(t, options).QueryEvents(t.Context(), model.EventQuery{
			Filter: model.Filter{Selectors: []model.Selector{selector}, Text: model.FoldText(hostile)}, Paging: model.Paging{Limit: 10},
		})
		require.NoError(t, err, endpoint)
		require.Len(t, page.Rows, 1, endpoint)
	}
}

// What a user has that only ran the exporter.
func TestWithoutMigration(t *testing.T) {
	d := newDatabase(t, true)
	r := newReader(t, d.options())
	page, err := r.QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 10}})
	require.NoError(t, err)
	require.Empty(t, page.Rows)
	data := conformance.Telemetry{Logs: otlp.LogsFromEvents([]model.Event{{
		Time: 1_790_000_000_000_000_000, Name: "release", Resource: &model.Resource{}, Scope: &model.Scope{}, Body: model.StringValue("y"),
	}}), Traces: emptyTraces(), Metrics: emptyMetrics()}
	d.write(t, data)
	page, err = r.QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 10}})
	require.NoError(t, err)
	require.Len(t, page.Rows, 1)
	found, _, err := r.EventByID(t.Context(), page.Rows[0].ID)
	require.NoError(t, err)
	require.Equal(t, page.Rows[0], found)
}
