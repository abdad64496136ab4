// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"

	"github.com/tapio/tapio/extension/tapioextension/internal/archiving"
	"github.com/tapio/tapio/extension/tapioextension/internal/bytesize"
	"github.com/tapio/tapio/extension/tapioextension/internal/redisstate"
	"github.com/tapio/tapio/internal/store"
)

// Config is the configuration of the tapio extension.
type Config struct {
	// GRPC is the gRPC server of the API. Its endpoint is localhost:4417 by default; use 0.0.0.0:4417 for
	// all addresses, and port 0 for any free port, which the log reports. `max_recv_msg_size_mib` also
	// limits the uncompressed size of a payload. See [Authentication and TLS](../how-to/auth-and-tls.md).
	GRPC configgrpc.ServerConfig `mapstructure:"grpc"`

	// HTTP serves the same API as JSON, the web UI, and the APIs of Prometheus, Jaeger and MCP. Its
	// endpoint is localhost:4418 by default; `enabled: false` switches it off. `max_request_body_size` is
	// that of `grpc::max_recv_msg_size_mib` unless set, and cannot be larger. Leave `write_timeout` at 0:
	// it would end live streams.
	HTTP configoptional.Optional[confighttp.ServerConfig] `mapstructure:"http"`

	// Jaeger is [Jaeger's query API](../how-to/jaeger.md) under /api/ of the HTTP server.
	Jaeger QueryAPIConfig `mapstructure:"jaeger"`

	// MCP is the [Model Context Protocol server](../how-to/ai-agents.md) for AI agents at /mcp of the HTTP
	// server.
	MCP QueryAPIConfig `mapstructure:"mcp"`

	// Store limits how much telemetry is kept, and for how long. [Size memory](../how-to/size-memory.md)
	// explains how the limits relate to the memory of the process.
	Store StoreConfig `mapstructure:"store"`

	// MaxStreams is the number of live streams that may be open at once, of all clients. One more is
	// refused with RESOURCE_EXHAUSTED. Accepted: 1 or more.
	MaxStreams int `mapstructure:"max_streams"`

	// Limits restricts what clients may send and read.
	Limits LimitsConfig `mapstructure:"limits"`

	// Access restricts which authenticated clients may read, write and administer. Without it every client
	// may do everything. See [Authentication and TLS](../how-to/auth-and-tls.md).
	Access AccessConfig `mapstructure:"access"`

	// AllowedHosts lists the host names that requests without authentication may use for this server,
	// besides localhost and IP addresses: a name, a pattern such as `*.example.com`, or `*` for every
	// name. Checked where the HTTP server listens on a loopback address, or if a name is listed here. See
	// [Requests from web pages](../how-to/auth-and-tls.md#requests-from-web-pages).
	AllowedHosts []string `mapstructure:"allowed_hosts"`

	// Prometheus configures [Prometheus' HTTP API](../how-to/prometheus.md), which the HTTP server has
	// under /prometheus.
	Prometheus PrometheusConfig `mapstructure:"prometheus"`

	// UI is the [web UI](web-ui.md).
	UI UIConfig `mapstructure:"ui"`

	// Rules evaluates recording and alerting rules in Prometheus' format.
	Rules RulesConfig `mapstructure:"rules"`

	// RecordMetrics counts log records and spans as metrics.
	RecordMetrics RecordMetricsConfig `mapstructure:"record_metrics"`

	// Collectors limits the [registry of collectors](collectors.md#the-registry).
	Collectors CollectorsConfig `mapstructure:"collectors"`

	// Notifications sends incidents, alerts and exhausted error budgets to other systems. See
	// [Notifications](../how-to/notifications.md).
	Notifications NotificationsConfig `mapstructure:"notifications"`

	// SLOs tracks [service level objectives](../how-to/slos.md).
	SLOs SLOsConfig `mapstructure:"slos"`

	// Members are other servers whose telemetry is part of every answer. See
	// [Federation](../how-to/federation.md).
	Members MembersConfig `mapstructure:"members"`

	// Backends configures servers that hold older telemetry.
	Backends BackendsConfig `mapstructure:"backends"`

	// Tiers are where answers come from, the most recent telemetry first: memory, then clickhouse, elasticsearch or both for what the store does not hold any more. With both, log records come from elasticsearch and the other signals from clickhouse.
	// By default memory only.
	Tiers []string `mapstructure:"tiers"`

	// Archive keeps a copy of what is stored in an object store that is compatible with S3. See [Archive to S3](../how-to/archive.md).
	Archive archiving.Config `mapstructure:"archive"`

	// Redis shares state between several servers. See [Share state through Redis](../how-to/redis.md).
	Redis redisstate.Config `mapstructure:"redis"`

	// Cost sets the prices for [cost advice](tapioctl.md#tapioctl-get-cost).
	Cost CostConfig `mapstructure:"cost"`

	// SpareThreads is the number of threads that may run Go code in addition to one per CPU, so that
	// requests are accepted while all CPUs are busy. The environment variable GOMAXPROCS takes precedence.
	// Accepted: 0 to 64.
	SpareThreads int `mapstructure:"spare_threads"`

	// ShutdownTimeout is the time that a shutdown waits for calls in progress before it cancels them.
	// Accepted: 1ms or more.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`
}

// UIConfig is about the web UI.
type UIConfig struct {
	// Enabled serves the web UI at the root of the HTTP server. Its files hold no data and are served
	// without authentication; the pages read the API with the credentials that the user enters.
	Enabled bool `mapstructure:"enabled"`
}

// StoreConfig bounds the store: the oldest records go when either bound is
// reached.
type StoreConfig struct {
	// MemoryLimit is the memory for all signals. Five sixths of it hold records; the rest, at most 96 MiB,
	// is for ingestion. When a signal reaches its share, its oldest records are evicted. Below the default
	// the process may need more than a quarter on top, which the log reports. Accepted: 4MiB or more.
	MemoryLimit ByteSize `mapstructure:"memory_limit"`

	// MaxAge is the time that a record is kept after its arrival. 0 keeps records as long as memory
	// allows. Records are evicted in groups of at most 1/64 of this time. Accepted: 0, or 1s or more.
	MaxAge time.Duration `mapstructure:"max_age"`

	// Shares divides the memory for records between the signals.
	Shares Shares `mapstructure:"shares"`

	// Profiles limits the memory of profiles.
	Profiles ProfilesStoreConfig `mapstructure:"profiles"`

	// Directory keeps the records across restarts; it is created if it does not exist. Without it the
	// store is in memory only. Memory limit and age apply to the directory too. One process at a time can
	// use a directory. See [Keep data across restarts](../how-to/configure.md#keep-data-across-restarts).
	Directory string `mapstructure:"directory"`

	// Durability is what a crash may lose of the records in the directory: with none the last 10 s, with
	// async the last second, with sync nothing that was acknowledged. The default is async with a
	// directory and none without. Accepted: `none`, `async`, `sync`.
	Durability string `mapstructure:"durability"`

	// QueryMemory is the working memory of all queries together, in addition to memory_limit. One query
	// may use a quarter of it. A query that needs more fails with RESOURCE_EXHAUSTED; others continue.
	// Accepted: 8MiB or more.
	QueryMemory ByteSize `mapstructure:"query_memory"`
}

// Shares are percentages that sum to 100, each 1 or more.
type Shares struct {
	// Logs is the percentage for log records and events. Accepted: 1 or more; the three add up to 100.
	Logs int `mapstructure:"logs"`
	// Traces is the percentage for spans. Accepted: 1 or more; the three add up to 100.
	Traces int `mapstructure:"traces"`
	// Metrics is the percentage for metric points. Accepted: 1 or more; the three add up to 100.
	Metrics int `mapstructure:"metrics"`
}

// ByteSize is a number of bytes, in YAML also written with a unit: 256MiB, 1GB.
type ByteSize = bytesize.ByteSize

const (
	minMemoryLimit ByteSize = 4 << 20
	minQueryMemory ByteSize = 8 << 20

	// minDuration catches a number without a unit, which counts nanoseconds.
	minDuration = time.Millisecond
)

var (
	_ component.Config    = (*Config)(nil)
	_ confmap.Unmarshaler = (*Config)(nil)
)

// Unmarshal adds what to do to the decoder's errors, which only name the key.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	if err := conf.Unmarshal(c); err != nil {
		return fmt.Errorf("%w\nhint: the keys are grpc, http, jaeger (enabled), mcp (enabled), store (memory_limit, max_age, shares, profiles (memory_limit, symbols_limit), query_memory, directory, durability), max_streams, limits, access, allowed_hosts, prometheus, rules, record_metrics, ui, collectors, notifications, slos, members (endpoints, dns, refresh_interval, timeout, max_calls, client), backends (clickhouse, elasticsearch), tiers, archive, redis, cost, spare_threads and shutdown_timeout; "+
			"a duration is a number with its unit, for example 24h; a size likewise, for example 256MiB", err)
	}
	return nil
}

// Validate checks the keys of this extension; the servers' own are checked by
// their types.
func (c *Config) Validate() error {
	if c.SpareThreads < 0 || c.SpareThreads > maxSpareThreads {
		return fmt.Errorf("spare_threads: must be 0 to %d, is %d", maxSpareThreads, c.SpareThreads)
	}
	if c.MaxStreams < 1 {
		return fmt.Errorf("max_streams: must be 1 or more, is %d", c.MaxStreams)
	}
	if c.ShutdownTimeout < minDuration {
		return fmt.Errorf("shutdown_timeout: must be %s or more, is %s: write a number with its unit, for example 3s",
			minDuration, c.ShutdownTimeout)
	}
	if c.GRPC.NetAddr.Endpoint == "" {
		return errors.New("grpc::endpoint: must not be empty: write for example localhost:4417")
	}
	return errors.Join(checkHosts(c.AllowedHosts), checkCORS(c.HTTP.Get()), c.checkTiers())
}

// Validate checks the bounds.
func (c *StoreConfig) Validate() error {
	if c.MemoryLimit < minMemoryLimit {
		return fmt.Errorf("memory_limit: must be %s or more, is %d bytes: write a number with its unit, for example 256MiB",
			humanize.IBytes(uint64(minMemoryLimit)), c.MemoryLimit)
	}
	if c.QueryMemory < minQueryMemory {
		return fmt.Errorf("query_memory: must be %s or more, is %d bytes: write a number with its unit, for example 128MiB",
			humanize.IBytes(uint64(minQueryMemory)), c.QueryMemory)
	}
	if c.MaxAge < 0 {
		return fmt.Errorf("max_age: must not be negative, is %s: write for example 24h, or 0 for no bound", c.MaxAge)
	}
	if c.MaxAge > 0 && c.MaxAge < time.Second {
		return fmt.Errorf("max_age: must be 1s or more, is %s: write a number with its unit, for example 24h, or 0 for no bound", c.MaxAge)
	}
	return errors.Join(c.validateProfiles(), c.validateDurability())
}

func (c *StoreConfig) validateDurability() error {
	switch c.Durability {
	case "", durabilityNone:
	case durabilityAsync, durabilitySync:
		if c.Directory == "" {
			return fmt.Errorf("durability: %q needs store::directory: name one, or write %q", c.Durability, durabilityNone)
		}
	default:
		return fmt.Errorf("durability: must be %q, %q or %q, is %q", durabilityNone, durabilityAsync, durabilitySync, c.Durability)
	}
	return nil
}

// Values of store::durability.
const (
	durabilityNone  = "none"
	durabilityAsync = "async"
	durabilitySync  = "sync"
)

// durability translates the key for the store.
func (c *StoreConfig) durability() store.Durability {
	switch c.Durability {
	case durabilityNone:
		return store.DurabilityNone
	case durabilitySync:
		return store.DurabilitySync
	default:
		return store.DurabilityAsync
	}
}

// Validate checks that the shares divide the whole.
func (s *Shares) Validate() error {
	if s.Logs < 1 || s.Traces < 1 || s.Metrics < 1 || s.Logs+s.Traces+s.Metrics != 100 {
		return fmt.Errorf("logs, traces and metrics must each be 1 or more and sum to 100 (percent), are %d, %d and %d",
			s.Logs, s.Traces, s.Metrics)
	}
	return nil
}

// limits translates the configuration for the store.
func (c *StoreConfig) limits() store.Limits {
	rows := int64(c.MemoryLimit) - writeRoom(int64(c.MemoryLimit))
	part := func(percent int) int64 { return rows / 100 * int64(percent) }
	return store.Limits{
		Logs:    part(c.Shares.Logs),
		Traces:  part(c.Shares.Traces),
		Metrics: part(c.Shares.Metrics),
		MaxAge:  c.MaxAge,

		Profiles: c.profileBytes(),
		Symbols:  c.symbolBytes(),

		QueryMemory: int64(c.QueryMemory),
	}
}
