// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package nodesummaryconnector

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
)

// Config is the configuration of the connector.
type Config struct {
	// Node is the value of host.name where a resource has neither that nor k8s.node.name; default is the
	// name of the host. Accepted: at most 256 bytes.
	Node string `mapstructure:"node"`

	// Interval is the time that each metric point covers. Accepted: 1s to 1m.
	Interval time.Duration `mapstructure:"interval"`

	// MaxSeries bounds the series of one interval. Requests beyond it are counted without their operation,
	// with the attribute otel.metric.overflow. Accepted: 10 to 100000.
	MaxSeries int `mapstructure:"max_series"`
}

const (
	maxNodeBytes = 256
	minInterval  = time.Second
	maxInterval  = time.Minute
	minSeries    = 10
	maxSeries    = 100_000
)

var (
	_ component.Config    = (*Config)(nil)
	_ confmap.Unmarshaler = (*Config)(nil)
)

// Unmarshal adds the accepted keys to the decoder's errors, which only name the wrong one.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	if err := conf.Unmarshal(c); err != nil {
		return fmt.Errorf("%w\nthe keys are node, interval and max_series; a duration is a number with its unit, for example 10s", err)
	}
	return nil
}

// Validate checks the bounds.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Node) > maxNodeBytes {
		errs = append(errs, fmt.Errorf("node: must be at most %d bytes, is %d", maxNodeBytes, len(c.Node)))
	}
	if c.Interval < minInterval || c.Interval > maxInterval {
		errs = append(errs, fmt.Errorf("interval: must be within %s and %s, is %s: write a number with its unit, for example 10s", minInterval, maxInterval, c.Interval))
	}
	if c.MaxSeries < minSeries || c.MaxSeries > maxSeries {
		errs = append(errs, fmt.Errorf("max_series: must be within %d and %d, is %d", minSeries, maxSeries, c.MaxSeries))
	}
	return errors.Join(errs...)
}
