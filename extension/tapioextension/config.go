// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/dustin/go-humanize"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/confmap"

	"github.com/tapio/tapio/internal/store"
)

// Config is the configuration of the tapio extension.
type Config struct {
	// GRPC is the server of the three services, localhost:4417 by default.
	GRPC configgrpc.ServerConfig `mapstructure:"grpc"`

	// HTTP is the server of the same services as JSON, localhost:4418 by
	// default. `enabled: false` switches it off.
	HTTP configoptional.Optional[confighttp.ServerConfig] `mapstructure:"http"`

	// Jaeger is Jaeger's query API under /api/ of the HTTP server.
	Jaeger QueryAPIConfig `mapstructure:"jaeger"`

	// MCP is the Model Context Protocol server for AI agents at /mcp of the HTTP server.
	MCP QueryAPIConfig `mapstructure:"mcp"`

	// Store bounds what is kept.
	Store StoreConfig `mapstructure:"store"`

	// MaxStreams is the most streams open at once, of all services and clients;
	// one more is refused with RESOURCE_EXHAUSTED. 1 or more, 1,000 by default.
	MaxStreams int `mapstructure:"max_streams"`

	// Limits bound what clients may do.
	Limits LimitsConfig `mapstructure:"limits"`

	// Access says which clients may do what.
	Access AccessConfig `mapstructure:"access"`

	// AllowedHosts are the names that a request without authentication may use for
	// this server, besides localhost and IP addresses: "tapio.example.com",
	// "*.example.com", or "*" for every name. Checked where the HTTP server listens
	// on a loopback address, or where a name is given here.
	AllowedHosts []string `mapstructure:"allowed_hosts"`

	// Prometheus bounds Prometheus' HTTP API.
	Prometheus PrometheusConfig `mapstructure:"prometheus"`

	// UI is the web UI, served beside HTTP.
	UI UIConfig `mapstructure:"ui"`

	// Rules names recording and alerting rules in Prometheus' format.
	Rules RulesConfig `mapstructure:"rules"`

	// RecordMetrics is about the series that log records and spans are counted in.
	RecordMetrics RecordMetricsConfig `mapstructure:"record_metrics"`

	// Collectors bounds the registry of collectors.
	Collectors CollectorsConfig `mapstructure:"collectors"`

	// Notifications says who is told of incidents, alerts and burnt error budgets.
	Notifications NotificationsConfig `mapstructure:"notifications"`

	// SLOs are service level objectives.
	SLOs SLOsConfig `mapstructure:"slos"`

	// Members are other servers whose telemetry is part of every answer.
	Members MembersConfig `mapstructure:"members"`

	// Cost says what cores and memory cost.
	Cost CostConfig `mapstructure:"cost"`

	// SpareThreads is how many threads may run Go code beyond one for each
	// processor, so that calls are noticed while all are busy: 0 to 64, 2 by
	// default. The environment variable GOMAXPROCS goes before it.
	SpareThreads int `mapstructure:"spare_threads"`

	// ShutdownTimeout is how long a shutdown waits for calls under way before
	// it cuts them. 1 ms or more, 3 s by default.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`
}

// UIConfig is about the web UI.
type UIConfig struct {
	// Enabled serves the UI's pages at the root of the HTTP server; true by default.
	Enabled bool `mapstructure:"enabled"`
}

// StoreConfig bounds the store: the oldest records go when either bound is
// reached.
type StoreConfig struct {
	// MemoryLimit is the memory for all signals, 4 MiB or more, 512 MiB by
	// default. A sixth of it, 96 MiB at most, is for taking records in, the rest for
	// keeping them. With less than the default, what the process itself needs is more
	// than the quarter that it may take on top.
	MemoryLimit ByteSize `mapstructure:"memory_limit"`

	// MaxAge is how long a record is kept after its arrival: 1 s or more, or 0
	// for as long as memory allows. 24 h by default.
	MaxAge time.Duration `mapstructure:"max_age"`

	// Shares divides what records may fill of MemoryLimit among the signals.
	Shares Shares `mapstructure:"shares"`

	// Profiles bounds the profiles.
	Profiles ProfilesStoreConfig `mapstructure:"profiles"`

	// Directory is where records are kept across restarts, empty by
	// default: in memory only. The bounds above are those of the directory, too.
	Directory string `mapstructure:"directory"`

	// Durability is what a crash may take of the records in Directory: none: those
	// of the last 10 s. async, the default with a directory: those of the last
	// second. sync: none that was acknowledged.
	Durability string `mapstructure:"durability"`

	// QueryMemory is what all queries together may hold while they run, beside
	// MemoryLimit; one may hold a quarter. 8 MiB or more, 128 MiB by default.
	QueryMemory ByteSize `mapstructure:"query_memory"`
}

// Shares are percentages that sum to 100, each 1 or more.
type Shares struct {
	// Logs is for log records and events, 40 by default.
	Logs int `mapstructure:"logs"`
	// Traces is for spans, 40 by default.
	Traces int `mapstructure:"traces"`
	// Metrics is for metric points, 20 by default.
	Metrics int `mapstructure:"metrics"`
}

// ByteSize is a number of bytes, in YAML also written with a unit: 256MiB, 1GB.
type ByteSize int64

// UnmarshalText reads a number with an optional unit.
func (b *ByteSize) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > math.MaxInt64 {
		return fmt.Errorf("%q is not a size in bytes: write a number with a unit, for example 256MiB", text)
	}
	*b = ByteSize(n)
	return nil
}

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
		return fmt.Errorf("%w\nhint: the keys are grpc, http, jaeger (enabled), mcp (enabled), store (memory_limit, max_age, shares, profiles (memory_limit), query_memory, directory, durability), max_streams, limits, access, allowed_hosts, prometheus, rules, record_metrics, ui, collectors, notifications, slos, members (endpoints, dns, refresh_interval, timeout, max_calls, client), cost, spare_threads and shutdown_timeout; "+
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
	return errors.Join(checkHosts(c.AllowedHosts), checkCORS(c.HTTP.Get()))
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

		QueryMemory: int64(c.QueryMemory),
	}
}
