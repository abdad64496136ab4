// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/tapio/tapio/internal/store"
)

func load(t *testing.T, key string) *Config {
	t.Helper()
	file, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	section, err := file.Sub(key)
	require.NoError(t, err)
	cfg := createDefaultConfig().(*Config)
	require.NoError(t, section.Unmarshal(cfg))
	require.NoError(t, confmap.Validate(cfg))
	return cfg
}

func TestConfigDefaults(t *testing.T) {
	cfg := load(t, "tapio")
	assert.Equal(t, "localhost:4417", cfg.GRPC.NetAddr.Endpoint)
	assert.Equal(t, "localhost:4418", cfg.HTTP.Get().NetAddr.Endpoint)
	assert.Equal(t, store.Limits{
		Logs: 178956960, Traces: 178956960, Metrics: 89478480, MaxAge: 24 * time.Hour, QueryMemory: 128 << 20, Profiles: 32 << 20, Symbols: 32 << 20,
	}, cfg.Store.limits())
}

func TestConfigAllKeys(t *testing.T) {
	cfg := load(t, "tapio/all")
	assert.Equal(t, "127.0.0.1:5001", cfg.GRPC.NetAddr.Endpoint)
	assert.Equal(t, 16, cfg.GRPC.MaxRecvMsgSizeMiB)
	assert.Equal(t, "127.0.0.1:5002", cfg.HTTP.Get().NetAddr.Endpoint)
	assert.Equal(t, StoreConfig{
		MemoryLimit: 64 << 20, MaxAge: time.Hour, Shares: Shares{Logs: 50, Traces: 30, Metrics: 20}, QueryMemory: 32 << 20,
	}, cfg.Store)
	assert.Equal(t, 10, cfg.MaxStreams)
	require.Len(t, cfg.Notifications.Receivers, 4)
	assert.Equal(t, 10*time.Second, cfg.Notifications.Receivers[0].Webhook.Timeout, "the defaults of a receiver hold")
	assert.Equal(t, "https://events.pagerduty.com", cfg.Notifications.Receivers[2].PagerDuty.Endpoint)
	assert.Equal(t, 30*time.Second, cfg.Notifications.Routes[0].GroupWait)
	assert.Equal(t, []string{"service"}, cfg.Notifications.Routes[0].GroupBy, "what the section says for all")
	assert.Len(t, cfg.SLOs.objectives(), 2)
	assert.Len(t, cfg.SLOs.alerts(), 1)
	assert.Equal(t, time.Second, cfg.ShutdownTimeout)
}

func TestConfigSwitchesHTTPOff(t *testing.T) {
	assert.False(t, load(t, "tapio/no_http").HTTP.HasValue())
}

func TestConfigTakesPlainBytes(t *testing.T) {
	assert.Equal(t, ByteSize(8<<20), load(t, "tapio/bytes").Store.MemoryLimit)
}

func TestConfigNamesTheBadKey(t *testing.T) {
	for name, test := range map[string]struct {
		yaml map[string]any
		want []string
	}{
		"unknown key":          {map[string]any{"stroe": nil}, []string{"stroe", "memory_limit"}},
		"bad duration":         {map[string]any{"store": map[string]any{"max_age": "a day"}}, []string{"store.max_age", "invalid duration", "24h"}},
		"bad size":             {map[string]any{"store": map[string]any{"memory_limit": "lots"}}, []string{"memory_limit", "256MiB"}},
		"small size":           {map[string]any{"store": map[string]any{"memory_limit": "1MiB"}}, []string{"store", "memory_limit", "4.0 MiB"}},
		"query memory":         {map[string]any{"store": map[string]any{"query_memory": "1MiB"}}, []string{"store", "query_memory", "8.0 MiB"}},
		"profiles":             {map[string]any{"store": map[string]any{"profiles": map[string]any{"memory_limit": "300MiB"}}}, []string{"store", "profiles::memory_limit: must be 1.0 MiB to half of store::memory_limit, 256 MiB", "314572800"}},
		"symbols":              {map[string]any{"store": map[string]any{"profiles": map[string]any{"symbols_limit": "200MiB"}}}, []string{"store", "profiles::symbols_limit: must be 64 KiB to a quarter of store::memory_limit, 128 MiB", "209715200"}},
		"durability":           {map[string]any{"store": map[string]any{"directory": "d", "durability": "fsync"}}, []string{"store", `durability: must be "none", "async" or "sync", is "fsync"`}},
		"durability of memory": {map[string]any{"store": map[string]any{"durability": "sync"}}, []string{"store", `durability: "sync" needs store::directory`}},
		"negative age":         {map[string]any{"store": map[string]any{"max_age": "-1s"}}, []string{"store", "max_age", "24h"}},
		"age without unit":     {map[string]any{"store": map[string]any{"max_age": 20}}, []string{"store", "max_age", "unit"}},
		"time without unit":    {map[string]any{"shutdown_timeout": 3}, []string{"shutdown_timeout", "unit"}},
		"negative size":        {map[string]any{"store": map[string]any{"memory_limit": "-64"}}, []string{"memory_limit", "256MiB"}},
		"shares":               {map[string]any{"store": map[string]any{"shares": map[string]any{"logs": 90}}}, []string{"store::shares", "100"}},
		"spare_threads":        {map[string]any{"spare_threads": 65}, []string{"spare_threads", "0 to 64"}},
		"max_streams":          {map[string]any{"max_streams": 0}, []string{"max_streams", "1 or more"}},
		"shutdown_timeout":     {map[string]any{"shutdown_timeout": "0s"}, []string{"shutdown_timeout", "3s"}},
	} {
		t.Run(name, func(t *testing.T) { requireBadConfig(t, test.yaml, test.want) })
	}
}

// requireBadConfig expects an error that names all of these.
func requireBadConfig(t *testing.T, yaml map[string]any, want []string) {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	err := confmap.NewFromStringMap(yaml).Unmarshal(cfg)
	if err == nil {
		err = confmap.Validate(cfg)
	}
	require.Error(t, err)
	for _, part := range want {
		assert.Contains(t, err.Error(), part)
	}
}
