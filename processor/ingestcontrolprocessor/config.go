// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ingestcontrolprocessor

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/ingestcontrol"
)

// Config is the configuration of the processor.
type Config struct {
	// Source is the value of the resource attribute tapio.source that is set on everything. Conditions can
	// use it. Accepted: at most 256 bytes.
	Source string `mapstructure:"source"`
	// Logs controls which log records pass.
	Logs ingestcontrol.Config `mapstructure:"logs"`
	// Metrics controls which metric points pass.
	Metrics ingestcontrol.Config `mapstructure:"metrics"`
	// Traces controls which spans pass.
	Traces ingestcontrol.Config `mapstructure:"traces"`
}

const maxSourceBytes = 256

var (
	_ component.Config    = (*Config)(nil)
	_ confmap.Unmarshaler = (*Config)(nil)
)

// Unmarshal adds the accepted keys to the decoder's errors, which only name the
// wrong one.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	if err := conf.Unmarshal(c); err != nil {
		return fmt.Errorf("%w\nthe keys are source, logs, metrics and traces; those of each signal are enabled, include, exclude, "+
			"sampling_percent (not of metrics) and max_per_second", err)
	}
	return nil
}

// Validate also parses the conditions, so that a wrong one is found before the
// start.
func (c *Config) Validate() error {
	var errs []error
	if len(c.Source) > maxSourceBytes {
		errs = append(errs, fmt.Errorf("source: must have at most %d bytes, has %d", maxSourceBytes, len(c.Source)))
	}
	quiet := component.TelemetrySettings{Logger: zap.NewNop()}
	_, logs := logFilter(quiet, c.Logs)
	_, metrics := pointFilter(quiet, c.Metrics)
	_, traces := spanFilter(quiet, c.Traces)
	for _, signal := range []struct {
		name string
		errs []error
	}{
		{"logs", []error{c.Logs.Check(), logs}},
		{"metrics", []error{c.Metrics.CheckPoints(), metrics}},
		{"traces", []error{c.Traces.Check(), traces}},
	} {
		for _, err := range signal.errs {
			if err != nil {
				errs = append(errs, fmt.Errorf("%s::%w", signal.name, err))
			}
		}
	}
	return errors.Join(errs...)
}
