// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"errors"
	"fmt"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottldatapoint"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlprofile"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/ingestcontrol"
)

// validateSignals also parses the conditions, so that a wrong one is found
// before the start.
func (c *Config) validateSignals() error {
	quiet := component.TelemetrySettings{Logger: zap.NewNop()}
	var errs []error
	for name, check := range map[string]func() error{
		"logs": func() error {
			_, err := logFilter(quiet, c.Logs)
			return errors.Join(c.Logs.Check(), err)
		},
		"metrics": func() error {
			_, err := pointFilter(quiet, c.Metrics)
			return errors.Join(c.Metrics.CheckPoints(), err)
		},
		"traces": func() error {
			_, err := spanFilter(quiet, c.Traces)
			return errors.Join(c.Traces.Check(), err)
		},
		"profiles": func() error {
			_, err := profileFilter(quiet, c.Profiles)
			return errors.Join(c.Profiles.CheckProfiles(), err)
		},
	} {
		if err := check(); err != nil {
			errs = append(errs, fmt.Errorf("%s::%w", name, err))
		}
	}
	return errors.Join(errs...)
}

func logFilter(set component.TelemetrySettings, c ingestcontrol.Config) (filter ingestcontrol.Filter[*ottllog.TransformContext], err error) {
	parser, err := ottllog.NewParser(ottlfuncs.StandardConverters[*ottllog.TransformContext](), set)
	if err != nil {
		return filter, err
	}
	return ingestcontrol.NewFilter[*ottllog.TransformContext](c, parser.ParseConditions)
}

func pointFilter(set component.TelemetrySettings, c ingestcontrol.Config) (filter ingestcontrol.Filter[*ottldatapoint.TransformContext], err error) {
	parser, err := ottldatapoint.NewParser(ottlfuncs.StandardConverters[*ottldatapoint.TransformContext](), set)
	if err != nil {
		return filter, err
	}
	return ingestcontrol.NewFilter[*ottldatapoint.TransformContext](c, parser.ParseConditions)
}

func spanFilter(set component.TelemetrySettings, c ingestcontrol.Config) (filter ingestcontrol.Filter[*ottlspan.TransformContext], err error) {
	parser, err := ottlspan.NewParser(ottlfuncs.StandardConverters[*ottlspan.TransformContext](), set)
	if err != nil {
		return filter, err
	}
	return ingestcontrol.NewFilter[*ottlspan.TransformContext](c, parser.ParseConditions)
}

func profileFilter(set component.TelemetrySettings, c ingestcontrol.Config) (filter ingestcontrol.Filter[*ottlprofile.TransformContext], err error) {
	parser, err := ottlprofile.NewParser(ottlfuncs.StandardConverters[*ottlprofile.TransformContext](), set)
	if err != nil {
		return filter, err
	}
	return ingestcontrol.NewFilter[*ottlprofile.TransformContext](c, parser.ParseConditions)
}
