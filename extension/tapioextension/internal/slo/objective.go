// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package slo counts requests against service level objectives as spans arrive,
// and reports how fast error budgets burn.
package slo

import (
	"fmt"
	"strings"
	"time"
)

// Type is what an objective is about.
type Type string

// The types of objectives.
const (
	Availability Type = "availability" // share of requests that do not fail
	Latency      Type = "latency"      // share of the others that are not slower than the threshold
)

// Objective is a target for the requests to a service.
type Objective struct {
	Name      string
	Namespace string // "" for any
	Service   string // "*" for each service
	Operation string // name of the entry span; "" for all together, a trailing * for any ending
	Type      Type
	// Target is the share that is to be good, above 0 and below 1.
	Target float64
	// Threshold is the duration of a request that is just good. For latency only.
	Threshold time.Duration
	// Window is the time that the error budget is for.
	Window time.Duration
	// Automatic: learned from the requests, not configured.
	Automatic bool
}

// ID names the objective of one service among all.
func (o *Objective) ID() string {
	parts := []string{o.Name, o.Service, string(o.Type)}
	if o.Namespace != "" {
		parts = append(parts, o.Namespace)
	}
	if o.Operation != "" {
		parts = append(parts, o.Operation)
	}
	return strings.Join(parts, "/")
}

// String describes the target, for example "99.9% of POST /order in 300ms".
func (o *Objective) String() string {
	what := "requests"
	if o.Operation != "" {
		what = o.Operation
	}
	if o.Type == Latency {
		return fmt.Sprintf("%s of %s within %s", percent(o.Target), what, o.Threshold)
	}
	return fmt.Sprintf("%s of %s succeed", percent(o.Target), what)
}

func (o *Objective) matches(namespace, service, operation string) bool {
	return (o.Service == "*" || o.Service == service) && (o.Namespace == "" || o.Namespace == namespace) &&
		matchesName(o.Operation, operation)
}

func matchesName(pattern, name string) bool {
	if pattern == "" {
		return true
	}
	prefix, open := strings.CutSuffix(pattern, "*")
	if open {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

// percent writes a share with as many digits as it needs.
func percent(share float64) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.3f", 100*share), "0"), ".") + "%"
}

// BurnAlert says when a budget burns too fast: when both windows burn Factor times as
// fast as would use the budget up within its window. See chapter 5 of the SRE workbook.
type BurnAlert struct {
	Name        string
	Long, Short time.Duration
	Factor      float64
	Page        bool // someone must act at once
}

// DefaultBurnAlerts are those of the SRE workbook.
func DefaultBurnAlerts() []BurnAlert {
	const day = 24 * time.Hour
	return []BurnAlert{
		{Name: "page_fast", Long: time.Hour, Short: 5 * time.Minute, Factor: 14.4, Page: true},
		{Name: "page_slow", Long: 6 * time.Hour, Short: 30 * time.Minute, Factor: 6, Page: true},
		{Name: "ticket_fast", Long: day, Short: 2 * time.Hour, Factor: 3},
		{Name: "ticket_slow", Long: 3 * day, Short: 6 * time.Hour, Factor: 1},
	}
}
