// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"time"
)

// TCPConfig is what to tell of connections.
type TCPConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// ConnectionSpans makes a span of each connection when it closes.
	ConnectionSpans bool `mapstructure:"connection_spans"`
	// RetransmitBurst is how many retransmits of one connection within a second
	// make an event.
	RetransmitBurst uint32 `mapstructure:"retransmit_burst"`
}

// DefaultTCPConfig leaves out what comes with each connection.
func DefaultTCPConfig() TCPConfig {
	return TCPConfig{Enabled: true, RetransmitBurst: 10}
}

// Validate checks that a burst can be one.
func (c *TCPConfig) Validate() error {
	if c.RetransmitBurst == 0 {
		return fmt.Errorf("retransmit_burst: must be 1 or more, is 0")
	}
	return nil
}

// HTTPConfig is what to tell of HTTP/1.1.
type HTTPConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// StalledAfter is after how long without a byte a request is an event, 0 for never.
	StalledAfter time.Duration `mapstructure:"stalled_after"`
	// Own tells of the collector's own requests too. An exporter that sends over
	// HTTP would then make a span of each batch of spans, for ever.
	Own bool `mapstructure:"own"`
	// ExactRequestsPerSecond is how many requests a second, of both sides of all
	// connections together, become spans one by one. Above that some stand for others;
	// 0 never lets that happen. Metrics count all.
	ExactRequestsPerSecond uint32 `mapstructure:"exact_requests_per_second"`
	// SlowThreshold is from which duration on each request becomes a span all the same.
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

// DatabaseConfig is what to tell of calls to one kind of database.
type DatabaseConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// StalledAfter is after how long without a byte a call is an event, 0 for never.
	StalledAfter time.Duration `mapstructure:"stalled_after"`
	// QueryText tells what was asked, with ? for each value.
	QueryText bool `mapstructure:"query_text"`
}

// DefaultDatabaseConfig reports no query texts.
func DefaultDatabaseConfig() DatabaseConfig {
	return DatabaseConfig{Enabled: true, StalledAfter: defaultStalledAfter}
}

// Validate checks the bounds.
func (c *DatabaseConfig) Validate() error { return validateStalledAfter(c.StalledAfter) }

// DNSConfig is what to tell of questions to name servers.
type DNSConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// Timeout is when a question without an answer has failed.
	Timeout time.Duration `mapstructure:"timeout"`
	// MaxNames is how many names questions are counted by; further ones are
	// counted without their name.
	MaxNames int `mapstructure:"max_names"`
}

// DefaultDNSConfig waits as long as the C library's resolver does.
func DefaultDNSConfig() DNSConfig {
	return DNSConfig{Enabled: true, Timeout: 5 * time.Second, MaxNames: 200}
}

// Validate checks the bounds.
func (c *DNSConfig) Validate() error {
	if c.Timeout < 100*time.Millisecond {
		return fmt.Errorf("timeout: must be 100ms or more, is %s: write a number with its unit, for example 5s", c.Timeout)
	}
	if c.MaxNames < 0 || c.MaxNames > maxNamesLimit {
		return fmt.Errorf("max_names: must be from 0 to %d, is %d", maxNamesLimit, c.MaxNames)
	}
	return nil
}

// maxNamesLimit keeps the histogram below its own bound.
const maxNamesLimit = 1000
