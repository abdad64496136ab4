// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioexporter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/exporter/xexporter"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/exporter/tapioexporter/internal/eventtime"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
)

func createProfiles(ctx context.Context, set exporter.Settings, cfg component.Config) (xexporter.Profiles, error) {
	e, err := newExporter(set, cfg)
	if err != nil {
		return nil, err
	}
	return xexporterhelper.NewProfiles(ctx, set, cfg, contain(e, e.consumeProfiles), e.options()...)
}

// consumeProfiles stores profiles. Their senders are not observed: most profiles come from
// agents that profile other programs.
func (e *tapioExporter) consumeProfiles(ctx context.Context, profiles pprofile.Profiles) error {
	arrived := time.Now()
	list, rejected := otlp.Profiles(profiles)
	times := eventtime.New(arrived)
	e.corrected(ctx, profilesSignal, times.Profiles(list))
	samples := 0
	for i := range list {
		samples += len(list[i].Samples)
	}
	if len(rejected) > 0 {
		e.store.RejectProfiles(rejected)
	}
	refused, err := e.store.AppendProfiles(list)
	if err != nil {
		e.losses.Add("store_refused", uint64(samples), err)
		return err
	}
	if refused > 0 {
		rejected.Add(model.ProfileTooLarge, refused)
	}
	e.measure(ctx, profilesSignal, samples, arrived)
	if rejected.Total() == 0 {
		return nil
	}
	e.losses.Add("record_rejected", rejected.Total(), rejectedSamples(rejected))
	return consumererror.NewPermanent(rejectedSamples(rejected))
}

// rejectedSamples is a batch of which some samples are not stored, and never will be.
type rejectedSamples model.ProfileRejections

// Error names the reasons.
func (r rejectedSamples) Error() string {
	var reasons []string
	for _, reason := range slices.Sorted(maps.Keys(r)) {
		if r[reason] > 0 {
			reasons = append(reasons, fmt.Sprintf("%s: %d", reason, r[reason]))
		}
	}
	return fmt.Sprintf("%d samples of profiles were not stored (%s); the others are stored",
		model.ProfileRejections(r).Total(), strings.Join(reasons, ", "))
}

// GRPCStatus is that of an invalid request.
func (r rejectedSamples) GRPCStatus() *status.Status {
	return status.New(codes.InvalidArgument, r.Error())
}
