// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhousetest

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/backend/clickhouse"
	"github.com/tapio/tapio/internal/backend/conformance"
	"github.com/tapio/tapio/internal/clickhousetest/server"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
)

// telemetryOf makes so many log records.
func telemetryOf(records int) conformance.Telemetry {
	events := make([]model.Event, records)
	for i := range events {
		events[i] = model.Event{Time: 1_790_000_000_000_000_000 + model.Nanos(i), Resource: &model.Resource{}, Scope: &model.Scope{}, Body: model.StringValue("y")}
	}
	return conformance.Telemetry{Logs: otlp.LogsFromEvents(events), Traces: emptyTraces(), Metrics: emptyMetrics()}
}

func endpointsOf(e *engine) []string {
	return []string{"http://" + e.http, "clickhouse://" + e.native}
}

// A user with readonly = 1, whose settings the engine refuses, suffices: the same
// suite, over both protocols.
func TestAReadonlyUserSuffices(t *testing.T) {
	for _, endpoint := range endpointsOf(theEngine(t)) {
		t.Run(endpoint[:5], func(t *testing.T) {
			conformance.Run(t, func(t *testing.T) conformance.Backend {
				d := newDatabase(t, false)
				options := d.options()
				options.Endpoint, options.Username, options.MaxMemory, options.MaxRows = endpoint, server.Reader, 1<<30, 1<<30
				return conformance.Backend{Reader: newReader(t, options), Write: d.write, Keeps: keep}
			})
		})
	}
}

// Limits of the reader, and those of the user's profile, refuse what is beyond them with an
// error that names what to do, over both protocols.
func TestLimitsOfStatements(t *testing.T) {
	d := newDatabase(t, false)
	d.write(t, telemetryOf(1000))
	for _, endpoint := range endpointsOf(d.engine) {
		for name, change := range map[string]func(o *clickhouse.Options){
			"rows":            func(o *clickhouse.Options) { o.MaxRows = 10 },
			"memory":          func(o *clickhouse.Options) { o.MaxMemory = 1 << 10 },
			"rows by profile": func(o *clickhouse.Options) { o.Username = server.Limited },
		} {
			options := d.options()
			options.Endpoint = endpoint
			change(&options)
			_, err := newReader(t, options).QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 1000}})
			_, exhausted := errors.AsType[*model.ExhaustedError](err)
			require.True(t, exhausted, "%s over %s: %v", name, endpoint, err)
			require.ErrorContains(t, err, "ask for a shorter time range")
		}
		options := d.options()
		options.Endpoint, options.Timeout = endpoint, 10*time.Second
		page, err := newReader(t, options).QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 1000}})
		require.NoError(t, err)
		require.Len(t, page.Rows, 1000)
	}
}

// The rights of the profile are those of the engine: it refuses to write.
func TestAReadonlyUserCannotWrite(t *testing.T) {
	d := newDatabase(t, false)
	require.Contains(t, d.engine.fails(t, server.Reader, d.name, "INSERT INTO otel_logs (Body) VALUES ('x')"), "READONLY")
	require.Contains(t, d.engine.fails(t, server.Reader, d.name, "DROP TABLE otel_logs"), "READONLY")
	require.Equal(t, "0\n", d.engine.run(t, d.name, "SELECT count() FROM otel_logs"))
}
