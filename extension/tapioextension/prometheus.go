// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.uber.org/zap/exp/zapslog"

	"github.com/tapio/tapio/extension/tapioextension/internal/jaeger"
	"github.com/tapio/tapio/extension/tapioextension/internal/mcp"
	"github.com/tapio/tapio/extension/tapioextension/internal/prometheus"
	"github.com/tapio/tapio/extension/tapioextension/internal/rules"
)

// prometheusPath is where the HTTP server has Prometheus' API.
const prometheusPath = "/prometheus"

// newPrometheus makes the engine that answers Prometheus' API and evaluates rules.
func (e *tapioExtension) newPrometheus() {
	logger := slog.New(zapslog.NewHandler(e.set.Logger.Core()))
	limits, parser := e.cfg.Prometheus.limits(), prometheus.NewParser()
	queryable := prometheus.NewQueryable(e.reader, e.cfg.Prometheus.naming(), limits.Lookback)
	engine, turns := prometheus.NewEngine(limits, parser, logger), prometheus.NewTurns(limits)
	e.turns = queryTurns{prometheus: turns.Turns, jaeger: jaeger.NewTurns(), mcp: mcp.NewTurns()}
	e.rules = rules.New(rules.Options{
		Files: e.cfg.Rules.Files, Interval: e.cfg.Rules.EvaluationInterval,
		Engine: engine, Queryable: queryable, Parser: parser, Enter: turns.Enter,
		Sink: e, Reader: e.reader, Logger: logger, Panicked: e.panics.add, Changed: e.notifyOfRules, Leads: e.shared.Leads,
	})
	e.prometheus = prometheus.New(prometheus.Options{
		Queryable: queryable,
		Engine:    engine,
		Parser:    parser,
		Limits:    limits,
		Turns:     turns,
		Rules:     e.rules,
		Version:   e.set.BuildInfo.Version,
		Logger:    logger,
		Now:       time.Now,
		Panicked:  e.panics.add,
	})
}

// prometheusHandler serves Prometheus' API to those who may read.
func (e *tapioExtension) prometheusHandler() http.Handler {
	return e.api.Gateway.Readers(e.prometheus.Handler(), prometheus.RespondError)
}

// listenPrometheus opens the port of its own, if there is to be one.
func (e *tapioExtension) listenPrometheus(ctx context.Context) error {
	cfg := e.cfg.Prometheus.HTTP.Get()
	if cfg == nil {
		return nil
	}
	listener, err := cfg.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("extensions::%s::prometheus::http::endpoint: %w", e.set.ID, portHint(err))
	}
	server, err := e.guardedServer(ctx, cfg, listener, e.prometheusHandler())
	if err != nil {
		return errors.Join(fmt.Errorf("extensions::%s::prometheus::http: %w", e.set.ID, err), listener.Close())
	}
	e.servers = append(e.servers, &httpServer{server: server, listener: listener})
	e.logListening("prometheus", listener)
	return nil
}
