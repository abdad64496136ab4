// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioreceiver

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/tapioreceiver/internal/metadata"
	"github.com/tapio/tapio/receiver/tapioreceiver/internal/pprofscrape"
)

// scraping fetches profiles of the configured programs.
type scraping struct {
	config    ScrapeConfig
	settings  component.TelemetrySettings
	telemetry *metadata.TelemetryBuilder
	write     func(ctx context.Context, profiles []model.Profile) error

	turn sync.Mutex // held while a profile is decoded
	stop context.CancelFunc
	work sync.WaitGroup
}

// start begins to fetch in the background.
func (s *scraping) start(ctx context.Context, host component.Host) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	for i := range s.config.Targets {
		of := &s.config.Targets[i]
		client, err := of.ToClient(ctx, host.GetExtensions(), s.settings)
		if err != nil {
			return fmt.Errorf("scrape::targets[%d]: %w", i, err)
		}
		target := &pprofscrape.Target{
			URL: of.Endpoint, Client: client, Kinds: of.kinds(), Attributes: attributesOf(of),
			Interval: s.config.Interval, CPU: s.config.CPUDuration, Turn: &s.turn, Write: s.write,
			Report: s.reporter(of.Endpoint), //nolint:contextcheck // fetches that the shutdown ends are counted too
		}
		s.work.Go(func() {
			defer client.CloseIdleConnections()
			panics.Restart(background.Done(), func() { target.Run(background) }, func(err error) {
				s.settings.Logger.Error("recovered from a panic while fetching profiles", zap.String("endpoint", of.Endpoint), zap.Error(err))
			})
		})
	}
	return nil
}

// shutdown ends the fetches. It is safe without start.
func (s *scraping) shutdown() {
	if s.stop != nil {
		s.stop()
	}
	s.work.Wait()
	s.telemetry.Shutdown()
}

// reporter counts fetches, and logs when those of a kind begin to fail and when they
// succeed again.
func (s *scraping) reporter(endpoint string) func(kind pprofscrape.Kind, err error) {
	failing := map[pprofscrape.Kind]bool{}
	return func(kind pprofscrape.Kind, err error) {
		result := "success"
		if err != nil {
			result = "failure"
		}
		s.telemetry.TapioReceiverScrapes.Add(context.Background(), 1, metric.WithAttributeSet(attribute.NewSet(
			attribute.String("profile", string(kind)), attribute.String("result", result))))
		log := s.settings.Logger.With(zap.String("endpoint", endpoint), zap.String("profile", string(kind)))
		switch {
		case err != nil && !failing[kind]:
			log.Warn("failed to fetch a profile; further failures are counted in otelcol_tapio_receiver_scrapes", zap.Error(err))
		case err == nil && failing[kind]:
			log.Info("profile fetched again")
		}
		failing[kind] = err != nil
	}
}

func attributesOf(c *TargetConfig) model.Attributes {
	list := model.Attributes{{Key: semconv.ServiceName, Value: model.StringValue(c.Service)}}
	for _, key := range slices.Sorted(maps.Keys(c.Attributes)) {
		list = append(list, model.KeyValue{Key: key, Value: model.StringValue(c.Attributes[key])})
	}
	return list
}
