// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"errors"
	"fmt"
	"time"

	"github.com/tapio/tapio/extension/tapioextension/internal/api"
	"github.com/tapio/tapio/extension/tapioextension/internal/fleet"
)

// LimitsConfig bounds what clients may do.
type LimitsConfig struct {
	// InFlightSize is the memory of writes under way, of all clients together:
	// 1 MiB or more, 64 MiB by default. Writes that find no room wait for up to
	// two seconds and are then refused with RESOURCE_EXHAUSTED.
	InFlightSize ByteSize `mapstructure:"in_flight_size"`

	// RequestMemory is the memory that requests may take while they are decoded and
	// stored, on every way in and of all clients together: 16 MiB or more, 128 MiB by
	// default. A request that would take more by itself is refused for good, one that
	// finds no room for two seconds until later.
	RequestMemory ByteSize `mapstructure:"request_memory"`

	// ClientBytesPerSecond is what one client may write. 0, the default: no
	// bound.
	ClientBytesPerSecond float64 `mapstructure:"client_bytes_per_second"`

	// ClientCallsPerSecond is how many calls one client may make, a stream being
	// one. 0, the default: no bound.
	ClientCallsPerSecond float64 `mapstructure:"client_calls_per_second"`

	// ClientStreams is how many of the streams one client may have open. 0, the
	// default: as many as there may be.
	ClientStreams int `mapstructure:"client_streams"`

	// SlowReaderTimeout is how long a reader may leave a message unread before
	// its stream ends. 1 s or more, 1 min by default.
	SlowReaderTimeout time.Duration `mapstructure:"slow_reader_timeout"`

	// ReaderMemory is the memory for what waits to be read from all live streams: 1 MiB
	// or more, 64 MiB by default. The more streams, the smaller their messages.
	ReaderMemory ByteSize `mapstructure:"reader_memory"`

	// ReaderLag is how far behind a live reader may be, one that began with the newest
	// records and did not ask for each of them. One further behind is moved on to the
	// newest and told what it missed. 1 s or more, or 0 for as far as it likes; 30 s by
	// default.
	ReaderLag time.Duration `mapstructure:"reader_lag"`

	// DuplicateWindow is the memory for the ids of stored batches, which is how
	// a batch that is sent again is known. 160 bytes a batch, 8 MiB by default.
	DuplicateWindow ByteSize `mapstructure:"duplicate_window"`
}

// AccessConfig says which clients may do what. Without an attribute everybody
// whom the authenticator lets in may do everything.
type AccessConfig struct {
	// Attribute names what the authenticator knows of a client: username with
	// basicauth, subject or membership with oidc. Of a client with nothing but a
	// certificate it is the certificate's common name, whatever is named here.
	Attribute string `mapstructure:"attribute"`
	// Read lists the values that may ask questions; "*" is every client.
	Read []string `mapstructure:"read"`
	// Write lists those that may write events, register and beat.
	Write []string `mapstructure:"write"`
	// Admin lists those that may change the configuration of collectors.
	Admin []string `mapstructure:"admin"`
}

// CollectorsConfig bounds the registry of collectors.
type CollectorsConfig struct {
	// Max is the most collectors that may be registered, 1 or more, 10,000 by
	// default. One more takes the place of the one lost for longest.
	Max int `mapstructure:"max"`
	// MemoryLimit bounds the registrations and configurations together, 1 MiB
	// or more, 64 MiB by default.
	MemoryLimit ByteSize `mapstructure:"memory_limit"`
	// HeartbeatInterval is the time between beats, 100 ms or more, 10 s by
	// default.
	HeartbeatInterval time.Duration `mapstructure:"heartbeat_interval"`
	// DegradedAfter is how many beats a collector must miss to be degraded, 1 or
	// more, 2 by default.
	DegradedAfter int `mapstructure:"degraded_after"`
	// LostAfter is how many beats it must miss to be lost, more than
	// DegradedAfter, 6 by default.
	LostAfter int `mapstructure:"lost_after"`
	// OwnerAttribute names what the authenticator knows of a client that says whose
	// the collectors are that it registers: no other client can register, change or
	// remove them. By default subject or username, whichever is known, else
	// access::attribute; of a client with nothing but a certificate its common name.
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

func notNegative(key string, is float64) error {
	if is >= 0 {
		return nil
	}
	return fmt.Errorf("%s: must not be negative, is %g: write 0 for no bound", key, is)
}

// limits translates the configuration for the API.
func (c *Config) limits() api.Limits {
	return api.Limits{
		InFlightBytes:    int(c.Limits.InFlightSize),
		BytesPerSecond:   c.Limits.ClientBytesPerSecond,
		CallsPerSecond:   c.Limits.ClientCallsPerSecond,
		Streams:          c.MaxStreams,
		StreamsPerClient: c.Limits.ClientStreams,
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
func (c *Config) access() api.Access {
	return api.Access{
		Attribute: c.Access.Attribute, Read: c.Access.Read, Write: c.Access.Write, Admin: c.Access.Admin,
		Owner: c.Collectors.OwnerAttribute,
	}
}
