// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioreceiver

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/xconsumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/collector/receiver/xreceiver"
	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/receiver/tapioreceiver/internal/metadata"
)

// profileSource is what this receiver needs of an extension for profiles.
type profileSource interface {
	AttachProfiles(receiver component.ID, sink model.ProfileSink) (detach func(), err error)
}

var (
	_ xreceiver.Profiles = (*profilesReceiver)(nil)
	_ model.ProfileSink  = (*profilesReceiver)(nil)
)

// profilesReceiver takes the profiles that clients upload.
type profilesReceiver struct {
	id        component.ID
	extension component.ID
	logger    *zap.Logger
	next      xconsumer.Profiles
	report    *receiverhelper.ObsReport
	scraping  scraping
	detach    func()
}

func newProfilesReceiver(set receiver.Settings, cfg *Config, next xconsumer.Profiles) (*profilesReceiver, error) {
	report, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{ReceiverID: set.ID, ReceiverCreateSettings: set})
	if err != nil {
		return nil, err
	}
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	r := &profilesReceiver{id: set.ID, extension: cfg.Extension, logger: set.Logger, next: next, report: report, detach: func() {}}
	r.scraping = scraping{config: cfg.Scrape, settings: set.TelemetrySettings, telemetry: telemetry, write: r.WriteProfiles}
	return r, nil
}

// Start attaches to the extension: from now on profiles reach the pipeline. Those of the
// configured programs are fetched.
func (r *profilesReceiver) Start(ctx context.Context, host component.Host) error {
	source, err := find[profileSource](host, r.id, r.extension, "takes no profiles")
	if err != nil {
		return err
	}
	detach, err := source.AttachProfiles(r.id, r)
	if err != nil {
		return fmt.Errorf("receivers::%s::extension: %w", r.id, err)
	}
	r.detach = detach
	logStart(r.logger, r.extension, zap.Int("scrape_targets", len(r.scraping.config.Targets)), zap.Duration("scrape_interval", r.scraping.config.Interval))
	if err := r.scraping.start(ctx, host); err != nil {
		return fmt.Errorf("receivers::%s::%w", r.id, err)
	}
	return nil
}

// Shutdown waits for writes under way. It is safe without Start.
func (r *profilesReceiver) Shutdown(context.Context) error {
	r.scraping.shutdown()
	r.detach()
	return nil
}

// WriteProfiles implements model.ProfileSink.
func (r *profilesReceiver) WriteProfiles(ctx context.Context, profiles []model.Profile) error {
	samples := 0
	for i := range profiles {
		samples += len(profiles[i].Samples)
	}
	ctx = r.report.StartProfilesOp(ctx)
	err := r.next.ConsumeProfiles(ctx, otlp.ProfilesFrom(profiles))
	r.report.EndProfilesOp(ctx, metadata.Type.String(), samples, err)
	return err
}
