// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"fmt"
	"time"
)

// HTTPConfig is what to report of HTTP/1.1.
type HTTPConfig struct {
	// Enabled runs the probe.
	Enabled bool `mapstructure:"enabled"`
	// StalledAfter is the time without a byte after which a request without a complete response is
	// reported as `tapio.request.stalled`. Accepted: 0 for never, or 1s or more.
	StalledAfter time.Duration `mapstructure:"stalled_after"`
	// Own also reports the collector's own requests, of redis and postgresql too. An exporter that sends
	// over HTTP then creates a span for each batch of spans, endlessly.
	Own bool `mapstructure:"own"`
	// ExactRequestsPerSecond is the rate of requests, of all connections together, up to which each
	// becomes a span. Above it some spans represent several requests. Metrics always count all. Accepted:
	// 0 for no sampling, or more.
	ExactRequestsPerSecond uint32 `mapstructure:"exact_requests_per_second"`
	// SlowThreshold is the duration from which a request always becomes a span, as do requests that fail.
	// Accepted: above 0, unless exact_requests_per_second is 0.
	SlowThreshold time.Duration `mapstructure:"slow_threshold"`
}

// defaultStalledAfter is above what most requests take and below what clients wait.
const defaultStalledAfter = 10 * time.Second

// DefaultHTTPConfig leaves out the collector's own requests, and samples where there
// are more than anyone looks at one by one.
func DefaultHTTPConfig() HTTPConfig {
	return HTTPConfig{
		Enabled: true, StalledAfter: defaultStalledAfter, ExactRequestsPerSecond: 2000, SlowThreshold: 100 * time.Millisecond,
	}
}

// Validate checks the bounds.
func (c *HTTPConfig) Validate() error {
	if c.Enabled && c.ExactRequestsPerSecond > 0 && c.SlowThreshold <= 0 {
		return fmt.Errorf("slow_threshold: must be above 0 where exact_requests_per_second is, is %s", c.SlowThreshold)
	}
	return validateStalledAfter(c.StalledAfter)
}

func validateStalledAfter(d time.Duration) error {
	if d != 0 && d < time.Second {
		return fmt.Errorf("stalled_after: must be 0 or 1s or more, is %s: write a number with its unit, for example 10s", d)
	}
	return nil
}

// DatabaseConfig is what to report of calls to one kind of database.
type DatabaseConfig struct {
	// Enabled runs the probe.
	Enabled bool `mapstructure:"enabled"`
	// StalledAfter is the time without a byte after which a call is reported as `tapio.request.stalled`.
	// Commands that wait by design (`BLPOP`, ...) are excluded. Accepted: 0 for never, or 1s or more.
	StalledAfter time.Duration `mapstructure:"stalled_after"`
	// QueryText adds `db.query.text` to spans, with `?` in place of each value.
	QueryText bool `mapstructure:"query_text"`
}

// DefaultDatabaseConfig reports no query texts.
func DefaultDatabaseConfig() DatabaseConfig {
	return DatabaseConfig{Enabled: true, StalledAfter: defaultStalledAfter}
}

// Validate checks the bounds.
func (c *DatabaseConfig) Validate() error { return validateStalledAfter(c.StalledAfter) }
