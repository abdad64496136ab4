// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ingestcontrol

import (
	"errors"
	"fmt"
)

// Config is how much of a signal goes on.
type Config struct {
	// Enabled set to false drops the whole signal.
	Enabled bool `mapstructure:"enabled"`
	// Include lists OTTL conditions of which one must be true. Without one everything passes.
	Include []string `mapstructure:"include"`
	// Exclude lists OTTL conditions of which none may be true. A condition that cannot be evaluated is
	// false.
	Exclude []string `mapstructure:"exclude"`
	// SamplingPercent is the percentage of records that pass; of a trace all spans pass or none. Not for
	// metrics and profiles. Accepted: above 0, at most 100.
	SamplingPercent float64 `mapstructure:"sampling_percent"`
	// MaxPerSecond is the number of records, points or spans that pass per second, and the size of a
	// burst; 0.1 is one in ten seconds. Not for profiles. Accepted: 0 for no limit, or more.
	MaxPerSecond float64 `mapstructure:"max_per_second"`
}

// DefaultConfig lets everything pass.
func DefaultConfig() Config { return Config{Enabled: true, SamplingPercent: 100} }

// Check checks the numbers; whether the conditions are right shows when they are
// parsed. It is not named Validate, for then it would be reported twice.
func (c *Config) Check() error {
	if !(c.SamplingPercent > 0 && c.SamplingPercent <= 100) {
		return fmt.Errorf("sampling_percent: must be above 0 and at most 100, is %v: write `enabled: false` for none", c.SamplingPercent)
	}
	if !(c.MaxPerSecond >= 0) {
		return fmt.Errorf("max_per_second: must be 0 for no bound, or more, is %v", c.MaxPerSecond)
	}
	return nil
}

// CheckPoints is Check for metrics, which are not sampled.
func (c *Config) CheckPoints() error {
	if c.SamplingPercent != 100 {
		return fmt.Errorf("sampling_percent: must be left out, is %v: a series without some of its points shows something else; "+
			"use include, exclude or max_per_second", c.SamplingPercent)
	}
	return c.Check()
}

// CheckProfiles is Check for profiles, of which each is a sample already.
func (c *Config) CheckProfiles() error {
	const instead = "profiles are samples already: use include, exclude or the probe's frequency"
	var errs [2]error
	if c.SamplingPercent != 100 {
		errs[0] = fmt.Errorf("sampling_percent: must be left out, is %v: %s", c.SamplingPercent, instead)
	}
	if c.MaxPerSecond != 0 {
		errs[1] = fmt.Errorf("max_per_second: must be left out, is %v: %s", c.MaxPerSecond, instead)
	}
	return errors.Join(errs[:]...)
}
