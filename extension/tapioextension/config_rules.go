// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"errors"
	"fmt"
	"time"
)

// RulesConfig names Prometheus' rule files.
type RulesConfig struct {
	// Files are paths of rule files; the last part of a path may be a pattern. A file that cannot be read
	// is reported and skipped.
	Files []string `mapstructure:"files"`

	// EvaluationInterval is the interval of groups that set none. Accepted: 1s or more.
	EvaluationInterval time.Duration `mapstructure:"evaluation_interval"`
}

// Validate checks the interval.
func (c *RulesConfig) Validate() error {
	if c.EvaluationInterval < time.Second {
		return fmt.Errorf("evaluation_interval: must be 1s or more, is %s: write a number with its unit, for example 30s", c.EvaluationInterval)
	}
	for _, file := range c.Files {
		if file == "" {
			return errors.New("files: an entry is empty: write the path of a rule file")
		}
	}
	return nil
}

// RecordMetricsConfig is about the series that log records and spans are counted in.
type RecordMetricsConfig struct {
	// Interval is the time between two points of a series. Accepted: 0 for no such series, or 1s or more.
	Interval time.Duration `mapstructure:"interval"`

	// MaxSeries is the number of series of log records, and of spans. Further records are counted in one
	// series with the label otel_metric_overflow. Accepted: 1 or more.
	MaxSeries int `mapstructure:"max_series"`
}

// Validate checks the bounds.
func (c *RecordMetricsConfig) Validate() error {
	if c.Interval != 0 && c.Interval < time.Second {
		return fmt.Errorf("interval: must be 1s or more, or 0 for none, is %s: write a number with its unit, for example 15s", c.Interval)
	}
	return atLeastOne("max_series", c.MaxSeries)
}

// most is how many series there may be.
func (c *RecordMetricsConfig) most() int {
	if c.Interval == 0 {
		return 0
	}
	return c.MaxSeries
}
