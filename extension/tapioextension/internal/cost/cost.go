// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package cost compares what workloads request with what they use, and finds the log
// records and metrics that take the most bytes.
package cost

import (
	"context"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// Prices are in one currency; 0 where there is none.
type Prices struct {
	Currency                       string
	CoreHour, GiBHour, IngestedGiB float64
}

// hoursPerMonth is a twelfth of the hours of a year.
const hoursPerMonth = 730

// Query says what to look at.
type Query struct {
	Range      model.TimeRange
	Services   []string // services or workloads; empty: all
	Namespaces []string
	Top        int // entries of each list
}

// Advice is where resources and bytes go.
type Advice struct {
	Workloads []Workload
	Logs      []Template
	Metrics   []Metric
	// LogCoverage and MetricCoverage are the share of the records that was read.
	LogCoverage, MetricCoverage float64
}

// Advisor reads a backend.
type Advisor struct {
	Reader query.Reader
	Prices Prices
}

// Advise answers a query.
func (a *Advisor) Advise(ctx context.Context, q Query) (Advice, error) {
	var advice Advice
	var err error
	if advice.Workloads, err = a.workloads(ctx, q); err != nil {
		return Advice{}, err
	}
	if advice.Logs, advice.LogCoverage, err = a.logs(ctx, q); err != nil {
		return Advice{}, err
	}
	advice.Metrics, advice.MetricCoverage, err = a.metrics(ctx, q)
	return advice, err
}

func (q *Query) filter() model.Filter {
	return model.Filter{Time: q.Range, Services: q.Services, Namespaces: q.Namespaces}
}

const gib = 1 << 30

// monthly is what bytes of the range cost in a month, if they go on so.
func (a *Advisor) monthly(bytes uint64, covered time.Duration) float64 {
	if covered <= 0 {
		return 0
	}
	months := covered.Hours() / hoursPerMonth
	return float64(bytes) / gib / months * a.Prices.IngestedGiB
}
