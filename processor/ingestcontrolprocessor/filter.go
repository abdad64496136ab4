// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ingestcontrolprocessor

import (
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottldatapoint"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/ottlfuncs"
	"go.opentelemetry.io/collector/component"

	"github.com/tapio/tapio/internal/ingestcontrol"
)

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
