// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package prometheus answers Prometheus' HTTP API from the store, with Prometheus' own
// PromQL engine.
package prometheus

import (
	"log/slog"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
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
