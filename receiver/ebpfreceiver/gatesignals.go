// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"context"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottldatapoint"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottllog"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlprofile"
	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/ottl/contexts/ottlspan"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/otlp"
)

func (s *sink) gateLogs(ctx context.Context, logs plog.Logs) {
	if s.logFilter.Idle() && s.logGate.Open() {
		return
	}
	now := time.Now()
	otlp.DropLogs(logs, func(resource plog.ResourceLogs, scope plog.ScopeLogs, record plog.LogRecord) bool {
		of := ottllog.NewTransformContextPtr(resource, scope, record)
		defer of.Close()
		return s.logGate.Drop(now, s.logFilter.Wants(ctx, of), [16]byte{})
	})
}

func (s *sink) gateTraces(ctx context.Context, traces ptrace.Traces) {
	if s.spanFilter.Idle() && s.spanGate.Open() {
		return
	}
	now := time.Now()
	otlp.DropSpans(traces, func(resource ptrace.ResourceSpans, scope ptrace.ScopeSpans, span ptrace.Span) bool {
		of := ottlspan.NewTransformContextPtr(resource, scope, span)
		defer of.Close()
		return s.spanGate.Drop(now, s.spanFilter.Wants(ctx, of), span.TraceID())
	})
}

func (s *sink) gateMetrics(ctx context.Context, metrics pmetric.Metrics) {
	if s.pointFilter.Idle() && s.pointGate.Open() {
		return
	}
	now := time.Now()
	otlp.DropPoints(metrics, func(resource pmetric.ResourceMetrics, scope pmetric.ScopeMetrics, metric pmetric.Metric, point any) bool {
		of := ottldatapoint.NewTransformContextPtr(resource, scope, metric, point)
		defer of.Close()
		return s.pointGate.Drop(now, s.pointFilter.Wants(ctx, of), [16]byte{})
	})
}

func (s *sink) gateProfiles(ctx context.Context, profiles pprofile.Profiles) {
	if s.profileFilter.Idle() && s.profileGate.Open() {
		return
	}
	now, dictionary := time.Now(), profiles.Dictionary()
	profiles.ResourceProfiles().RemoveIf(func(resource pprofile.ResourceProfiles) bool {
		resource.ScopeProfiles().RemoveIf(func(scope pprofile.ScopeProfiles) bool {
			scope.Profiles().RemoveIf(func(profile pprofile.Profile) bool {
				of := ottlprofile.NewTransformContextPtr(resource, scope, profile, dictionary)
				defer of.Close()
				return s.profileGate.Drop(now, s.profileFilter.Wants(ctx, of), [16]byte{})
			})
			return scope.Profiles().Len() == 0
		})
		return resource.ScopeProfiles().Len() == 0
	})
}
