// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/tapio/tapio/internal/backend/clickhouse"
	"github.com/tapio/tapio/internal/backend/federation"
	"github.com/tapio/tapio/internal/backend/tiered"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store"
)

// tailInterval is the time between two looks of a live tail at ClickHouse.
const tailInterval = time.Second

// openTiers puts ClickHouse behind the store, if it is a tier.
func (e *tapioExtension) openTiers(ctx context.Context) error {
	if len(e.cfg.Tiers) < 2 {
		return nil
	}
	cfg := &e.cfg.Backends.ClickHouse
	options := clickhouse.Options{
		Endpoint: cfg.Endpoint, Database: cfg.Database, Username: cfg.Username, Password: string(cfg.Password), Timeout: cfg.Timeout,
		MaxMemory: int64(cfg.MaxMemory), MaxRows: cfg.MaxRows, QueryMemory: int64(e.cfg.Store.QueryMemory) / queryShare,
		Connections: cfg.MaxCalls, PollInterval: tailInterval, Tables: clickhouse.DefaultTables(), Now: time.Now,
	}
	options.Tables.Logs, options.Tables.Traces = cfg.LogsTable, cfg.TracesTable
	var err error
	if options.TLS, err = cfg.tls(ctx); err != nil {
		return fmt.Errorf("backends::clickhouse::tls: %w", err)
	}
	backend, err := clickhouse.New(options)
	if err != nil {
		return fmt.Errorf("backends::clickhouse::%w", err)
	}
	e.backend = backend
	e.reader = tiered.New(tiered.Options{
		Recent: federation.Member{Name: memoryTier, Reader: e.store.Reader()}, Older: federation.Member{Name: clickHouseTier, Reader: backend},
		Since: func() model.Nanos { return store.Since(e.store) }, Timeout: cfg.Timeout, Calls: cfg.MaxCalls, QueryMemory: options.QueryMemory, Panicked: e.panics.add, Now: time.Now,
	})
	return nil
}

func (c *ClickHouseConfig) tls(ctx context.Context) (*tls.Config, error) {
	client := c.TLS.Get()
	if client == nil {
		return nil, nil
	}
	return client.LoadTLSConfig(ctx)
}

// closeTiers closes the connections, once nothing uses them any more.
func (e *tapioExtension) closeTiers() {
	if e.backend != nil {
		_ = e.backend.Close() // nothing is lost
	}
}
