// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ingestcontrol

import (
	"errors"
	"fmt"
)

// Config says how much of a signal goes on.
type Config struct {
	// Enabled switches the whole signal.
	Enabled bool `mapstructure:"enabled"`
	// Include are OTTL conditions of which one must hold; none lets all pass.
	Include []string `mapstructure:"include"`
	// Exclude are OTTL conditions of which none may hold.
	Exclude []string `mapstructure:"exclude"`
	// SamplingPercent is how many of a hundred records pass, 100 by default. Of
	// spans all those of a trace pass or none.
	SamplingPercent float64 `mapstructure:"sampling_percent"`
	// MaxPerSecond bounds records, points or spans a second; 0 does not, 0.1 lets one
	// pass in ten seconds.
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
