// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package prometheus answers Prometheus' HTTP API from the store, with Prometheus' own
// PromQL engine.
package prometheus

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/tapio/tapio/internal/query"
)

// Limits bound what queries may take.
type Limits struct {
	// MaxSamples is how many samples one query may hold at once.
	MaxSamples int
	// Timeout is how long one query may take, waiting for its turn included.
	Timeout time.Duration
	// Concurrency is how many are answered at once.
	Concurrency int
	// Lookback is how long a sample counts.
	Lookback time.Duration
}

// NewParser returns the parser of everything that Prometheus can parse.
func NewParser() parser.Parser {
	return parser.NewParser(parser.Options{
		EnableExperimentalFunctions: true, EnableExtendedRangeSelectors: true,
		ExperimentalDurationExpr: true, EnableBinopFillModifiers: true,
	})
}

// defaultStep is the step of a subquery that names none.
const defaultStep = time.Minute

// NewEngine returns an engine with those limits.
func NewEngine(limits Limits, p parser.Parser, logger *slog.Logger) *promql.Engine {
	return promql.NewEngine(promql.EngineOpts{
		Logger: logger, MaxSamples: limits.MaxSamples, Timeout: limits.Timeout, LookbackDelta: limits.Lookback,
		NoStepSubqueryIntervalFn: func(int64) int64 { return defaultStep.Milliseconds() },
		EnableAtModifier:         true, EnableNegativeOffset: true, UseStartTimestamps: true,
		Parser: p,
	})
}

// Turns lets so many queries work at once, those of clients and of rules, and shares them
// between clients.
type Turns struct {
	*query.Turns
	wait time.Duration
}

// NewTurns returns the turns that the limits allow.
func NewTurns(limits Limits) *Turns {
	return &Turns{Turns: query.NewTurns(limits.Concurrency, query.ShareOf(limits.Concurrency), 0), wait: limits.Timeout}
}

// Enter waits for the turn of a query, which leave ends. A query waits as long as it may
// take.
func (t *Turns) Enter(ctx context.Context) (leave func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, t.wait)
	defer cancel()
	if err := t.Turns.Enter(waiting); err != nil {
		return nil, err
	}
	return func() { t.Leave(ctx) }, nil
}
