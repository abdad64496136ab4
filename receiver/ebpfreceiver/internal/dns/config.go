// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"fmt"
	"time"
)

// Config is what to report of queries to name servers.
type Config struct {
	// Enabled runs the probe.
	Enabled bool `mapstructure:"enabled"`
	// Timeout is the time after which a query without an answer has failed. Accepted: 100ms or more.
	Timeout time.Duration `mapstructure:"timeout"`
	// MaxNames is the number of names that have series of their own; others are counted together. Events
	// always contain the name. Accepted: 0 to 1000.
	MaxNames int `mapstructure:"max_names"`
}

// Validate checks the bounds.
func (c *Config) Validate() error {
	if c.Timeout < 100*time.Millisecond {
		return fmt.Errorf("timeout: must be 100ms or more, is %s: write a number with its unit, for example 5s", c.Timeout)
	}
	if c.MaxNames < 0 || c.MaxNames > maxNamesLimit {
		return fmt.Errorf("max_names: must be from 0 to %d, is %d", maxNamesLimit, c.MaxNames)
	}
	return nil
}

// DefaultConfig waits as long as the C library's resolver does.
func DefaultConfig() Config {
	return Config{Enabled: true, Timeout: 5 * time.Second, MaxNames: 200}
}

// maxNamesLimit keeps the histogram below its own bound.
const maxNamesLimit = 1000
