// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioreceiver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"

	"github.com/tapio/tapio/receiver/tapioreceiver/internal/pprofscrape"
)

func loaded(t *testing.T, scrape map[string]any) (*Config, error) {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, confmap.NewFromStringMap(map[string]any{"scrape": scrape}).Unmarshal(cfg))
	return cfg, confmap.Validate(cfg)
}

func TestScrapeConfig(t *testing.T) {
	target := func(more map[string]any) map[string]any {
		all := map[string]any{"endpoint": "http://localhost:6060/debug/pprof", "service": "shop"}
		for key, value := range more {
			all[key] = value
		}
		return map[string]any{"targets": []any{all}}
	}
	cfg, err := loaded(t, target(map[string]any{"attributes": map[string]any{"service.version": "1.2"}}))
	require.NoError(t, err)
	assert.Equal(t, time.Minute, cfg.Scrape.Interval)
	assert.Equal(t, []pprofscrape.Kind{"cpu", "heap", "goroutine"}, cfg.Scrape.Targets[0].kinds())
	attributes := attributesOf(&cfg.Scrape.Targets[0])
	version, _ := attributes.Get("service.version")
	assert.Equal(t, "1.2", version.Text())
	for want, bad := range map[string]map[string]any{
		"interval: must be 1s or more":                      {"interval": "1ms"},
		"cpu_duration: must be 1s or more and less than":    {"interval": "10s"},
		"service: must not be empty":                        target(map[string]any{"service": ""}),
		`endpoint: must be a URL with http or https, is "x`: target(map[string]any{"endpoint": "x:1"}),
		`profiles: unknown profile "threads"`:               target(map[string]any{"profiles": []any{"threads"}}),
		`profiles: "heap" is listed twice`:                  target(map[string]any{"profiles": []any{"heap", "cpu", "heap"}}),
		"cpu_duration: must be whole seconds":               {"cpu_duration": "1500ms"},
	} {
		_, err := loaded(t, bad)
		require.ErrorContains(t, err, want)
	}
}
