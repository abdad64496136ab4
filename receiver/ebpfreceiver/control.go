// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"errors"
	"fmt"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottldatapoint"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"
)

// SignalConfig says how much of a signal goes on to the pipelines. What it keeps
// back is counted.
type SignalConfig struct {
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

func defaultSignalConfig() SignalConfig {
	return SignalConfig{Enabled: true, SamplingPercent: 100}
}

func (c *SignalConfig) validate(parse func(SignalConfig) error) error {
	if !(c.SamplingPercent > 0 && c.SamplingPercent <= 100) {
		return fmt.Errorf("sampling_percent: must be above 0 and at most 100, is %v: write `enabled: false` for none", c.SamplingPercent)
	}
	if !(c.MaxPerSecond >= 0) {
		return fmt.Errorf("max_per_second: must be 0 for no bound, or more, is %v", c.MaxPerSecond)
	}
	return parse(*c)
}

// validateSignals also parses the conditions, so that a wrong one is found
// before the start.
func (c *Config) validateSignals() error {
	quiet := component.TelemetrySettings{Logger: zap.NewNop()}
	var errs []error
	for name, check := range map[string]func() error{
		"logs": func() error {
			return c.Logs.validate(func(s SignalConfig) error { _, err := logFilter(quiet, s); return err })
		},
		"metrics": func() error {
			if c.Metrics.SamplingPercent != 100 {
				return errors.New("sampling_percent: must be left out: a series that lacks points tells something else")
			}
			return c.Metrics.validate(func(s SignalConfig) error { _, err := pointFilter(quiet, s); return err })
		},
		"traces": func() error {
			return c.Traces.validate(func(s SignalConfig) error { _, err := spanFilter(quiet, s); return err })
		},
	} {
		if err := check(); err != nil {
			errs = append(errs, fmt.Errorf("%s::%w", name, err))
		}
	}
	return errors.Join(errs...)
}

// filter are the conditions of one signal; nil stands for no conditions.
type filter[K any] struct {
	include, exclude *ottl.ConditionSequence[K]
}

func logFilter(set component.TelemetrySettings, c SignalConfig) (filter[*ottllog.TransformContext], error) {
	parser, err := ottllog.NewParser(ottlfuncs.StandardConverters[*ottllog.TransformContext](), set)
	if err != nil {
		return filter[*ottllog.TransformContext]{}, err
	}
	return newFilter(set, c, parser.ParseConditions)
}

func pointFilter(set component.TelemetrySettings, c SignalConfig) (filter[*ottldatapoint.TransformContext], error) {
	parser, err := ottldatapoint.NewParser(ottlfuncs.StandardConverters[*ottldatapoint.TransformContext](), set)
	if err != nil {
		return filter[*ottldatapoint.TransformContext]{}, err
	}
	return newFilter(set, c, parser.ParseConditions)
}

func spanFilter(set component.TelemetrySettings, c SignalConfig) (filter[*ottlspan.TransformContext], error) {
	parser, err := ottlspan.NewParser(ottlfuncs.StandardConverters[*ottlspan.TransformContext](), set)
	if err != nil {
		return filter[*ottlspan.TransformContext]{}, err
	}
	return newFilter(set, c, parser.ParseConditions)
}

func newFilter[K any](set component.TelemetrySettings, c SignalConfig, parse func([]string) ([]*ottl.Condition[K], error)) (filter[K], error) {
	include, err := sequence(set, c.Include, parse)
	if err != nil {
		return filter[K]{}, fmt.Errorf("include: must be OTTL conditions: %w", err)
	}
	exclude, err := sequence(set, c.Exclude, parse)
	if err != nil {
		return filter[K]{}, fmt.Errorf("exclude: must be OTTL conditions: %w", err)
	}
	return filter[K]{include: include, exclude: exclude}, nil
}

// sequence holds if one of the conditions does. One that cannot be evaluated, as
// of an attribute of another type, does not hold: it is not worth a log line for
// each record.
func sequence[K any](set component.TelemetrySettings, texts []string, parse func([]string) ([]*ottl.Condition[K], error)) (*ottl.ConditionSequence[K], error) {
	if len(texts) == 0 {
		return nil, nil
	}
	conditions, err := parse(texts)
	if err != nil {
		return nil, err
	}
	s := ottl.NewConditionSequence(conditions, set, ottl.WithConditionSequenceErrorMode[K](ottl.SilentError))
	return &s, nil
}

// idle reports whether there is nothing to evaluate.
func (f *filter[K]) idle() bool { return f.include == nil && f.exclude == nil }
