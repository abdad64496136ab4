// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/tapio/tapio/extension/tapioextension/internal/archiving"
	"github.com/tapio/tapio/extension/tapioextension/internal/redisstate"
	"github.com/tapio/tapio/internal/backend/bysignal"
	"github.com/tapio/tapio/internal/backend/clickhouse"
	"github.com/tapio/tapio/internal/backend/federation"
	"github.com/tapio/tapio/internal/backend/tiered"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/store"
)

// The names of tiers.
const (
	memoryTier        = "memory"
	clickHouseTier    = "clickhouse"
	elasticsearchTier = "elasticsearch"
)

// BackendsConfig configures servers that hold older telemetry. Tiers uses them.
type BackendsConfig struct {
	// ClickHouse is a database that the clickhouse exporter writes to.
	ClickHouse ClickHouseConfig `mapstructure:"clickhouse"`
	// Elasticsearch is a cluster that the elasticsearch exporter writes log records to.
	Elasticsearch ElasticsearchConfig `mapstructure:"elasticsearch"`
}

// ClickHouseConfig configures how ClickHouse is read.
type ClickHouseConfig struct {
	// Endpoint is the address: clickhouse://host:9000 for the native protocol, http://host:8123 or https://host:8443 for HTTP.
	Endpoint string `mapstructure:"endpoint"`
	// Database is the database of the exporter's tables.
	Database string `mapstructure:"database"`
	// Username is the user. It needs the right to SELECT only.
	Username string `mapstructure:"username"`
	// Password is the password of the user.
	Password configopaque.String `mapstructure:"password"`
	// TLS configures the connection as in the exporters of the collector. Without it, only endpoints with https use TLS.
	TLS configoptional.Optional[configtls.ClientConfig] `mapstructure:"tls"`
	// Timeout is the time that ClickHouse has for one statement. Answers that take longer name it as missing. Accepted: 10ms or more.
	Timeout time.Duration `mapstructure:"timeout"`
	// MaxMemory is the memory of ClickHouse that one statement may take. 0: as much as ClickHouse allows. Accepted: 0 or more.
	MaxMemory ByteSize `mapstructure:"max_memory"`
	// MaxRows is the number of rows that one statement may read. 0: as many as ClickHouse allows. Accepted: 0 or more.
	MaxRows int64 `mapstructure:"max_rows"`
	// MaxCalls is the number of concurrent statements. Further statements wait. Accepted: 1 or more.
	MaxCalls int `mapstructure:"max_calls"`
	// LogsTable is the table of log records.
	LogsTable string `mapstructure:"logs_table"`
	// TracesTable is the table of spans.
	TracesTable string `mapstructure:"traces_table"`
	// MetricsTables are the tables of metric points, by type.
	MetricsTables MetricsTablesConfig `mapstructure:"metrics_tables"`
}

// MetricsTablesConfig names the tables of metric points.
type MetricsTablesConfig struct {
	// Gauge is the table of gauges.
	Gauge string `mapstructure:"gauge"`
	// Sum is the table of sums.
	Sum string `mapstructure:"sum"`
	// Histogram is the table of histograms.
	Histogram string `mapstructure:"histogram"`
	// ExponentialHistogram is the table of exponential histograms.
	ExponentialHistogram string `mapstructure:"exponential_histogram"`
	// Summary is the table of summaries.
	Summary string `mapstructure:"summary"`
}

func defaultBackends() BackendsConfig {
	tables := clickhouse.DefaultTables()
	return BackendsConfig{Elasticsearch: defaultElasticsearch(), ClickHouse: ClickHouseConfig{
		Database: "default", Username: "default", Timeout: 10 * time.Second, MaxCalls: 16, LogsTable: tables.Logs, TracesTable: tables.Traces,
		MetricsTables: MetricsTablesConfig{
			Gauge: tables.Gauge, Sum: tables.Sum, Histogram: tables.Histogram, ExponentialHistogram: tables.ExponentialHistogram, Summary: tables.Summary,
		},
	}}
}

// Validate checks the address and the bounds.
func (c *ClickHouseConfig) Validate() error {
	if c.Endpoint == "" {
		return nil
	}
	errs := []error{clickhouse.CheckEndpoint(c.Endpoint)}
	if c.Database == "" {
		errs = append(errs, errors.New("database: must not be empty: write the database of the clickhouse exporter, for example otel"))
	}
	if c.Timeout < minMemberTimeout {
		errs = append(errs, fmt.Errorf("timeout: must be %s or more, is %s: write a number with its unit, for example 10s", minMemberTimeout, c.Timeout))
	}
	if c.MaxCalls < 1 {
		errs = append(errs, fmt.Errorf("max_calls: must be 1 or more, is %d", c.MaxCalls))
	}
	if c.MaxRows < 0 || c.MaxMemory < 0 {
		errs = append(errs, fmt.Errorf("max_rows and max_memory: must be 0 or more, are %d and %d", c.MaxRows, c.MaxMemory))
	}
	if m := c.MetricsTables; slices.Contains([]string{c.LogsTable, c.TracesTable, m.Gauge, m.Sum, m.Histogram, m.ExponentialHistogram, m.Summary}, "") {
		errs = append(errs, errors.New("logs_table, traces_table and metrics_tables: must not be empty: leave them out for the tables that the exporter writes by default"))
	}
	return errors.Join(errs...)
}

// checkTiers returns what is wrong with the tiers.
func (c *Config) checkTiers() error {
	addresses := map[string]string{clickHouseTier: c.Backends.ClickHouse.Endpoint, elasticsearchTier: strings.Join(c.Backends.Elasticsearch.Endpoints, "")}
	for _, name := range []string{clickHouseTier, elasticsearchTier} {
		if addresses[name] != "" && !slices.Contains(c.Tiers, name) {
			return fmt.Errorf("backends::%s: is not used: write `tiers: [%s, %s]`", name, memoryTier, name)
		}
	}
	if len(c.Tiers) == 0 || slices.Equal(c.Tiers, []string{memoryTier}) {
		return nil
	}
	older := c.Tiers[1:]
	if c.Tiers[0] != memoryTier || len(older) > 1 && (len(older) > 2 || older[0] == older[1]) {
		return c.wrongTiers()
	}
	for _, name := range older {
		switch address, known := addresses[name]; {
		case !known:
			return c.wrongTiers()
		case address == "" && name == clickHouseTier:
			return fmt.Errorf("tiers: %q needs backends::clickhouse::endpoint: write for example clickhouse://localhost:9000", name)
		case address == "":
			return fmt.Errorf("tiers: %q needs backends::elasticsearch::endpoints: write for example [http://localhost:9200]", name)
		}
	}
	if c.Members.enabled() {
		return errors.New("tiers: cannot be combined with members: configure tiers on the members")
	}
	return nil
}

func (c *Config) wrongTiers() error {
	return fmt.Errorf("tiers: must be [%s], or [%s, %s], [%s, %s] or [%s, %s, %s], are %v",
		memoryTier, memoryTier, clickHouseTier, memoryTier, elasticsearchTier, memoryTier, elasticsearchTier, clickHouseTier, c.Tiers)
}

// tailInterval is the time between two looks of a live tail at a backend.
const tailInterval = time.Second

// openTiers puts the backends behind the store that are tiers.
func openTiers(ctx context.Context, e *tapioExtension) error {
	if len(e.cfg.Tiers) < 2 {
		return nil
	}
	memory := int64(e.cfg.Store.QueryMemory) / queryShare
	options := tiered.Options{
		Recent: federation.Member{Name: memoryTier, Reader: e.store.Reader()}, QueryMemory: memory,
		Since: func() model.Nanos { return store.Since(e.store) }, Panicked: e.panics.add, Now: time.Now,
	}
	var older []federation.Member
	both := len(e.cfg.Tiers) > 2
	for _, name := range e.cfg.Tiers[1:] {
		reader, timeout, calls, err := openTier(ctx, e, name, memory, both)
		if err != nil {
			return fmt.Errorf("backends::%s::%w", name, err)
		}
		older = append(older, federation.Member{Name: name, Reader: reader})
		e.backends = append(e.backends, reader)
		options.Timeout, options.Calls = max(options.Timeout, timeout), max(options.Calls, calls)
	}
	options.Older = older[0]
	if both {
		logs, rest := older[0], older[1]
		if logs.Name != elasticsearchTier {
			logs, rest = rest, logs
		}
		options.Older = federation.Member{Name: strings.Join(e.cfg.Tiers[1:], " and "), Reader: bysignal.New(logs.Reader, rest.Reader)}
	}
	e.reader = tiered.New(options)
	return nil
}

// closingReader is a reader that holds connections.
type closingReader interface {
	query.Reader
	io.Closer
}

// openTier opens a backend. With another one it is asked for its signals alone.
func openTier(ctx context.Context, e *tapioExtension, name string, memory int64, both bool) (reader closingReader, timeout time.Duration, calls int, err error) {
	if name == elasticsearchTier {
		cfg := &e.cfg.Backends.Elasticsearch
		reader, err = openElasticsearch(ctx, e, memory, both)
		return reader, cfg.Timeout, cfg.MaxCalls, err
	}
	cfg := &e.cfg.Backends.ClickHouse
	options := clickhouse.Options{
		Endpoint: cfg.Endpoint, Database: cfg.Database, Username: cfg.Username, Password: string(cfg.Password), Timeout: cfg.Timeout,
		MaxMemory: int64(cfg.MaxMemory), MaxRows: cfg.MaxRows, QueryMemory: memory,
		Connections: cfg.MaxCalls, PollInterval: tailInterval, Tables: cfg.tables(), Now: time.Now,
	}
	if both {
		options.Tables.Logs = ""
	}
	if options.TLS, err = cfg.tls(ctx); err != nil {
		return nil, 0, 0, fmt.Errorf("tls: %w", err)
	}
	reader, err = clickhouse.New(options)
	return reader, cfg.Timeout, cfg.MaxCalls, err
}

func (c *ClickHouseConfig) tables() clickhouse.Tables {
	m := &c.MetricsTables
	return clickhouse.Tables{
		Logs: c.LogsTable, Traces: c.TracesTable,
		Gauge: m.Gauge, Sum: m.Sum, Histogram: m.Histogram, ExponentialHistogram: m.ExponentialHistogram, Summary: m.Summary,
	}
}

func (c *ClickHouseConfig) tls(ctx context.Context) (*tls.Config, error) {
	client := c.TLS.Get()
	if client == nil {
		return nil, nil
	}
	return client.LoadTLSConfig(ctx)
}

// openArchive begins to archive what is stored.
func openArchive(ctx context.Context, e *tapioExtension, kept *heldStore) error {
	opened, err := archiving.Open(ctx, &e.cfg.Archive, archiving.Options{
		Store: e.store, Positions: kept.archived, Logger: e.set.Logger, Panicked: e.panics.add,
		Trouble: func(err error) { e.troubles.Set("archive", err) },
	})
	if err != nil {
		return fmt.Errorf("archive::%w", err)
	}
	e.archive = opened
	return nil
}

// openShared makes the state that is shared through Redis.
func openShared(ctx context.Context, e *tapioExtension) error {
	opened, err := redisstate.Open(ctx, &e.cfg.Redis, redisstate.Options{
		ID: uuid.NewString(), Store: e.store, Logger: e.set.Logger, Panicked: e.panics.add, Trouble: func(err error) { e.troubles.Set("redis", err) },
	})
	if err != nil {
		return fmt.Errorf("redis::%w", err)
	}
	e.shared = opened
	return nil
}

// closeTiers closes the connections, once nothing uses them any more.
func closeTiers(backends []io.Closer) {
	for _, one := range backends {
		_ = one.Close() // nothing is lost
	}
}
