// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/promql"

	"github.com/tapio/tapio/extension/tapioextension/internal/gateway"
	"github.com/tapio/tapio/extension/tapioextension/internal/jaeger"
	"github.com/tapio/tapio/extension/tapioextension/internal/mcp"
	"github.com/tapio/tapio/extension/tapioextension/internal/prometheus"
	"github.com/tapio/tapio/internal/query"
)

// queryTurns are the turns of the queries of other APIs than gRPC and JSON.
type queryTurns struct{ prometheus, jaeger, mcp *query.Turns }

// QueryAPIConfig switches an API that other tools speak.
type QueryAPIConfig struct {
	// Enabled serves the API.
	Enabled bool `mapstructure:"enabled"`
}

// addQueryAPIs serves the APIs that other tools speak, to those who may read.
func (e *tapioExtension) addQueryAPIs(mux *http.ServeMux) error {
	for path, one := range map[string]struct {
		enabled bool
		handler func() http.Handler
		refuse  gateway.Refuse
	}{
		jaeger.Path: {e.cfg.Jaeger.Enabled, e.jaegerAPI, jaeger.Refuse},
		mcp.Path:    {e.cfg.MCP.Enabled, e.mcpServer, mcp.Refuse},
	} {
		if !one.enabled {
			continue
		}
		handler, err := e.api.Gateway.Contained(one.handler(), one.refuse)
		if err != nil {
			return err
		}
		mux.Handle(path, e.api.Gateway.Readers(handler, one.refuse))
	}
	return nil
}

func (e *tapioExtension) jaegerAPI() http.Handler {
	return jaeger.New(e.reader, time.Now).WithTurns(e.turns.jaeger)
}

func (e *tapioExtension) mcpServer() http.Handler {
	return mcp.New(mcp.Options{
		Turns:  e.turns.mcp,
		Reader: e.reader, Findings: e.api, Metrics: promQL{e.prometheus}, Version: e.set.BuildInfo.Version,
		Panicked: e.panics.add, Now: time.Now,
	})
}

// waits counts the queries over all APIs that waited for their turn, and those that
// got none; calls are the turns of the gRPC API.
func (q *queryTurns) waits(calls []*query.Turns) map[string]uint64 {
	waits := map[string]uint64{"waited": 0, "refused": 0}
	for _, turns := range append(calls, q.prometheus, q.jaeger, q.mcp) {
		waits["waited"] += turns.Waited()
		waits["refused"] += turns.Refused()
	}
	return waits
}

// promQL evaluates PromQL for agents.
type promQL struct{ api *prometheus.API }

// QueryRange implements mcp.Metrics.
func (p promQL) QueryRange(
	ctx context.Context, expression string, start, end time.Time, step time.Duration,
) (series []mcp.Series, err error) {
	err = p.api.QueryRange(ctx, expression, start, end, step, func(matrix promql.Matrix) {
		for i := range matrix {
			series = append(series, seriesOf(&matrix[i]))
		}
	})
	return series, err
}

func seriesOf(from *promql.Series) mcp.Series {
	series := mcp.Series{Labels: from.Metric.Map()}
	at := func(milliseconds int64) string { return time.UnixMilli(milliseconds).UTC().Format(time.RFC3339Nano) }
	for _, point := range from.Floats {
		series.Values = append(series.Values, [2]string{at(point.T), strconv.FormatFloat(point.F, 'f', -1, 64)})
	}
	for _, point := range from.Histograms {
		series.Values = append(series.Values, [2]string{at(point.T), point.H.String()})
	}
	return series
}

// queryAPILinks are the lines of the front page about these APIs.
func (c *Config) queryAPILinks() (links []gateway.Link) {
	if c.Jaeger.Enabled {
		links = append(links, gateway.Link{Path: "/api/services", Text: "Jaeger's query API, for Jaeger UI and Grafana"})
	}
	if c.MCP.Enabled {
		links = append(links, gateway.Link{Path: mcp.Path, Text: "Model Context Protocol server, for AI agents (POST)"})
	}
	return links
}
