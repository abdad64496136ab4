// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTiersAreChecked(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"":                              func(*Config) {},
		"is not used":                   func(c *Config) { c.Backends.ClickHouse.Endpoint = "http://db" },
		"must be [memory]":              func(c *Config) { c.Tiers = []string{"clickhouse", "memory"} },
		"needs backends::clickhouse":    func(c *Config) { c.Tiers = []string{"memory", "clickhouse"} },
		"cannot be combined":            func(c *Config) { useClickHouse(c); c.Members.Endpoints = []string{"node-1:4417"} },
		"use clickhouse, tcp, http or":  func(c *Config) { useClickHouse(c); c.Backends.ClickHouse.Endpoint = "ftp://db" },
		"database: must not be empty":   func(c *Config) { useClickHouse(c); c.Backends.ClickHouse.Database = "" },
		"timeout: must be 10ms":         func(c *Config) { useClickHouse(c); c.Backends.ClickHouse.Timeout = time.Nanosecond },
		"max_calls: must be 1 or more":  func(c *Config) { useClickHouse(c); c.Backends.ClickHouse.MaxCalls = 0 },
		"max_rows and max_memory: must": func(c *Config) { useClickHouse(c); c.Backends.ClickHouse.MaxRows = -1 },
		"logs_table, traces_table and metrics_tables: m": func(c *Config) { useClickHouse(c); c.Backends.ClickHouse.LogsTable = "" },
		"and metrics_tables: must not":                   func(c *Config) { useClickHouse(c); c.Backends.ClickHouse.MetricsTables.Sum = "" },
	} {
		cfg := createDefaultConfig().(*Config)
		change(cfg)
		err := errors.Join(cfg.Validate(), cfg.Backends.ClickHouse.Validate())
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
	cfg := createDefaultConfig().(*Config)
	useClickHouse(cfg)
	require.NoError(t, errors.Join(cfg.Validate(), cfg.Backends.ClickHouse.Validate()))
}

func useClickHouse(c *Config) {
	c.Tiers, c.Backends.ClickHouse.Endpoint = []string{"memory", "clickhouse"}, "http://localhost:8123"
}
