// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"errors"
	"fmt"
	"time"

	"github.com/tapio/tapio/extension/tapioextension/internal/admission"
	"github.com/tapio/tapio/extension/tapioextension/internal/auth"
	"github.com/tapio/tapio/extension/tapioextension/internal/fleet"
)

// LimitsConfig bounds what clients may do.
type LimitsConfig struct {
	// InFlightSize is the memory of writes in progress over the API, of all clients, uncompressed payloads
	// included. A write that does not fit waits for up to 2 s, which slows its sender down, and is then
	// refused with RESOURCE_EXHAUSTED and a retry delay. JSON requests have the same amount again while
	// they are decoded. Accepted: 1MiB or more.
	InFlightSize ByteSize `mapstructure:"in_flight_size"`

	// RequestMemory is the memory of requests while they are decoded and stored, of all protocols and
	// clients. A request that needs more than this is refused permanently (RESOURCE_EXHAUSTED, 413); one
	// that does not fit for 2 s is refused temporarily (RetryInfo, or 503 with Retry-After). An OTLP
	// receiver takes part through `middlewares: [{id: tapio}]`. Accepted: 16MiB or more.
	RequestMemory ByteSize `mapstructure:"request_memory"`

	// ClientBytesPerSecond is the number of bytes that one client may write per second. A client is
	// identified by its authenticator, else by its address. Accepted: 0 for no limit, or more.
	ClientBytesPerSecond float64 `mapstructure:"client_bytes_per_second"`

	// ClientCallsPerSecond is the number of calls that one client may make per second; a stream is one
	// call. Accepted: 0 for no limit, or more.
	ClientCallsPerSecond float64 `mapstructure:"client_calls_per_second"`

	// MaxQueries is the number of queries over gRPC and JSON that are answered at once. Further ones wait
	// for up to 10 s. One client may have three quarters of them; where several wait, they take turns, and
	// so they do in Prometheus' and Jaeger's API and MCP. Accepted: 0 for no limit, or 4 or more.
	MaxQueries int `mapstructure:"max_queries"`

	// ClientStreams is the number of streams that one client may have open. Accepted: 0 for no limit
	// besides max_streams, or more.
	ClientStreams int `mapstructure:"client_streams"`

	// SlowReaderTimeout is the time that a reader may leave a message unread before its stream ends with
	// RESOURCE_EXHAUSTED. Accepted: 1s or more.
	SlowReaderTimeout time.Duration `mapstructure:"slow_reader_timeout"`

	// ReaderMemory is the memory of unread messages of all live streams. The more streams are open, the
	// smaller their messages: 16 KiB to 1 MiB of records each. Accepted: 1MiB or more.
	ReaderMemory ByteSize `mapstructure:"reader_memory"`

	// ReaderLag is how far behind a live reader may be. One further behind skips to the newest record and
	// gets a loss report with the count and range of what it missed. Streams that resume, start in the
	// past or deliver at least once are never skipped ahead. Accepted: 0 for no limit, or 1s or more.
	ReaderLag time.Duration `mapstructure:"reader_lag"`

	// DuplicateWindow is the memory for the ids of stored batches, 160 bytes each. A batch that is sent
	// again while its id is remembered is stored once. Accepted: 1KiB or more.
	DuplicateWindow ByteSize `mapstructure:"duplicate_window"`
}

// AccessConfig sets which clients may do what. Without an attribute every client
// that the authenticator accepts may do everything.
type AccessConfig struct {
	// Attribute names the attribute of the authenticator that identifies a client: username with
	// basicauth; subject or membership with oidc. A client that has only a certificate is identified by
	// its common name.
	Attribute string `mapstructure:"attribute"`
	// Read lists the clients that may query and follow streams. `*` is every client.
	Read []string `mapstructure:"read"`
	// Write lists the clients that may write events, register and send heartbeats.
	Write []string `mapstructure:"write"`
	// Admin lists the clients that may read, change and remove the configuration of every collector.
	Admin []string `mapstructure:"admin"`
}

// CollectorsConfig bounds the registry of collectors.
type CollectorsConfig struct {
	// Max is the number of collectors that may be registered. One more replaces the one that has been lost
	// for longest; if none is lost it is refused with RESOURCE_EXHAUSTED. Accepted: 1 or more.
	Max int `mapstructure:"max"`
	// MemoryLimit is the memory of all registrations and configurations. Accepted: 1MiB or more.
	MemoryLimit ByteSize `mapstructure:"memory_limit"`
	// HeartbeatInterval is the time between two heartbeats of a collector. Accepted: 100ms or more.
	HeartbeatInterval time.Duration `mapstructure:"heartbeat_interval"`
	// DegradedAfter is the number of missed heartbeats after which a collector is degraded. Accepted: 1 or
	// more.
	DegradedAfter int `mapstructure:"degraded_after"`
	// LostAfter is the number of missed heartbeats after which a collector is lost. Accepted: more than
	// degraded_after.
	LostAfter int `mapstructure:"lost_after"`
	// OwnerAttribute names the attribute of the authenticator that identifies the owner of a collector: no
	// other client can register, change or remove it. By default subject or username, whichever is known,
	// else access::attribute; for a client that has only a certificate, its common name.
	OwnerAttribute string `mapstructure:"owner_attribute"`
}

const (
	minInFlightSize      ByteSize = 1 << 20
	minRequestMemory     ByteSize = 16 << 20
	minRegistryMemory    ByteSize = 1 << 20
	minReaderMemory      ByteSize = 1 << 20
	minDuplicateWindow   ByteSize = 1 << 10
	minHeartbeatInterval          = 100 * time.Millisecond
)

// Validate checks the bounds.
func (c *LimitsConfig) Validate() error {
	return errors.Join(
		atLeastSize("in_flight_size", c.InFlightSize, minInFlightSize),
		atLeastSize("request_memory", c.RequestMemory, minRequestMemory),
		atLeastSize("reader_memory", c.ReaderMemory, minReaderMemory),
		noneOrTime("reader_lag", c.ReaderLag, time.Second),
		atLeastSize("duplicate_window", c.DuplicateWindow, minDuplicateWindow),
		notNegative("client_bytes_per_second", c.ClientBytesPerSecond),
		notNegative("client_calls_per_second", c.ClientCallsPerSecond),
		notNegative("client_streams", float64(c.ClientStreams)),
		noneOrNumber("max_queries", c.MaxQueries, 4),
		atLeastTime("slow_reader_timeout", c.SlowReaderTimeout, time.Second),
	)
}

// Validate checks that the lists have a meaning.
func (c *AccessConfig) Validate() error {
	if c.Attribute == "" && len(c.Read)+len(c.Write)+len(c.Admin) > 0 {
		return errors.New("attribute: must not be empty where read, write or admin is set: " +
			"write what the authenticator knows of a client, for example username or subject")
	}
	return nil
}

// Validate checks the bounds.
func (c *CollectorsConfig) Validate() error {
	if c.Max < 1 {
		return fmt.Errorf("max: must be 1 or more, is %d", c.Max)
	}
	if c.DegradedAfter < 1 || c.LostAfter <= c.DegradedAfter {
		return fmt.Errorf("degraded_after and lost_after: must be 1 or more, the second more than the first, are %d and %d",
			c.DegradedAfter, c.LostAfter)
	}
	return errors.Join(
		atLeastSize("memory_limit", c.MemoryLimit, minRegistryMemory),
		atLeastTime("heartbeat_interval", c.HeartbeatInterval, minHeartbeatInterval),
	)
}

func atLeastSize(key string, is, least ByteSize) error {
	if is >= least {
		return nil
	}
	return fmt.Errorf("%s: must be %d bytes or more, is %d: write a number with its unit, for example 64MiB", key, least, is)
}

func atLeastTime(key string, is, least time.Duration) error {
	if is >= least {
		return nil
	}
	return fmt.Errorf("%s: must be %s or more, is %s: write a number with its unit, for example 10s", key, least, is)
}

// noneOrTime accepts 0 too.
func noneOrTime(key string, is, least time.Duration) error {
	if is == 0 {
		return nil
	}
	return atLeastTime(key, is, least)
}

// noneOrNumber accepts 0 too.
func noneOrNumber(key string, is, least int) error {
	if is == 0 || is >= least {
		return nil
	}
	return fmt.Errorf("%s: must be 0 for no limit, or %d or more, is %d", key, least, is)
}

func notNegative(key string, is float64) error {
	if is >= 0 {
		return nil
	}
	return fmt.Errorf("%s: must not be negative, is %g: write 0 for no bound", key, is)
}

// limits translates the configuration for the API.
func (c *Config) limits() admission.Limits {
	return admission.Limits{
		InFlightBytes:    int(c.Limits.InFlightSize),
		BytesPerSecond:   c.Limits.ClientBytesPerSecond,
		CallsPerSecond:   c.Limits.ClientCallsPerSecond,
		Streams:          c.MaxStreams,
		StreamsPerClient: c.Limits.ClientStreams,
		Queries:          c.Limits.MaxQueries,
		SlowReader:       c.Limits.SlowReaderTimeout,
		ReaderBytes:      int(c.Limits.ReaderMemory),
		ReaderLag:        c.Limits.ReaderLag,
	}
}

// limits translates the configuration for the registry.
func (c *CollectorsConfig) limits() fleet.Limits {
	return fleet.Limits{
		Collectors: c.Max, Bytes: int(c.MemoryLimit),
		Interval: c.HeartbeatInterval, DegradedAfter: c.DegradedAfter, LostAfter: c.LostAfter,
	}
}

// access translates the configuration for the API.
func (c *Config) access() auth.Access {
	return auth.Access{
		Attribute: c.Access.Attribute, Read: c.Access.Read, Write: c.Access.Write, Admin: c.Access.Admin,
		Owner: c.Collectors.OwnerAttribute,
	}
}
