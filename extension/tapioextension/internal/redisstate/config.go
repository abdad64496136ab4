// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package redisstate

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"
)

// Config configures the state that is shared through Redis.
type Config struct {
	// Endpoint is the address of Redis: redis://host:6379, rediss://host:6380 for TLS, or unix:///path. Without it nothing is shared.
	Endpoint string `mapstructure:"endpoint"`
	// Username is the user, if Redis has users.
	Username string `mapstructure:"username"`
	// Password is the password.
	Password configopaque.String `mapstructure:"password"`
	// Database is the number of the database. Accepted: 0 or more.
	Database int `mapstructure:"database"`
	// TLS configures the connection as in the exporters of the collector. Without it, only endpoints with rediss use TLS.
	TLS configoptional.Optional[configtls.ClientConfig] `mapstructure:"tls"`
	// KeyPrefix begins every key. Servers with the same prefix share their state.
	KeyPrefix string `mapstructure:"key_prefix"`
	// Timeout is the time that Redis has for one command. Accepted: 10ms to 1m.
	Timeout time.Duration `mapstructure:"timeout"`
	// Lease is the time after which another server takes over the evaluation of rules, or a notification, from one that does not answer. Accepted: 1s to 10m.
	Lease time.Duration `mapstructure:"lease"`
	// DuplicateRetention is the time that stored batches are remembered for all servers. Accepted: 0 to share none, or 1s or more.
	DuplicateRetention time.Duration `mapstructure:"duplicate_retention"`
	// RequestRetention is the time that the counts of requests are kept, by service and minute. Accepted: 0 to write none, or 1m or more.
	RequestRetention time.Duration `mapstructure:"request_retention"`
	// IncidentStreamLength is about how many entries the stream of incidents keeps. Accepted: 0 to write none, or more.
	IncidentStreamLength int64 `mapstructure:"incident_stream_length"`
}

// DefaultConfig is a configuration without an address.
func DefaultConfig() Config {
	return Config{
		KeyPrefix: "tapio:", Timeout: time.Second, Lease: 15 * time.Second, DuplicateRetention: 10 * time.Minute,
		RequestRetention: time.Hour, IncidentStreamLength: 10_000,
	}
}

// Enabled reports whether state is shared.
func (c *Config) Enabled() bool { return c.Endpoint != "" }

// Validate checks the address and the bounds.
func (c *Config) Validate() error {
	if !c.Enabled() {
		return nil
	}
	var errs []error
	at, err := url.Parse(c.Endpoint)
	if err != nil || !isAddress(at) {
		errs = append(errs, fmt.Errorf("endpoint: %q is not an address of Redis: write for example redis://localhost:6379", withoutPassword(c.Endpoint, at)))
	}
	if err == nil && c.TLS.HasValue() && at.Scheme != "rediss" {
		errs = append(errs, errors.New("tls: needs an endpoint with rediss://"))
	}
	if c.Database < 0 {
		errs = append(errs, fmt.Errorf("database: must be 0 or more, is %d", c.Database))
	}
	for _, d := range []struct {
		key         string
		value       time.Duration
		least, most time.Duration
		off         bool
	}{
		{"timeout", c.Timeout, 10 * time.Millisecond, time.Minute, false},
		{"lease", c.Lease, time.Second, 10 * time.Minute, false},
		{"duplicate_retention", c.DuplicateRetention, time.Second, 24 * time.Hour, true},
		{"request_retention", c.RequestRetention, time.Minute, 720 * time.Hour, true},
	} {
		isOff := d.off && d.value == 0
		if !isOff && (d.value < d.least || d.value > d.most) {
			errs = append(errs, fmt.Errorf("%s: must be %s to %s, is %s: write a number with its unit, for example 30s", d.key, d.least, d.most, d.value))
		}
	}
	if c.Timeout > c.Lease {
		errs = append(errs, fmt.Errorf("lease: must not be shorter than timeout, is %s: the timeout is %s", c.Lease, c.Timeout))
	}
	if c.IncidentStreamLength < 0 {
		errs = append(errs, fmt.Errorf("incident_stream_length: must be 0 or more, is %d", c.IncidentStreamLength))
	}
	return errors.Join(errs...)
}

// withoutPassword is the address as errors may show it.
func withoutPassword(endpoint string, at *url.URL) string {
	if at != nil {
		return at.Redacted()
	}
	if i := strings.LastIndexByte(endpoint, '@'); i >= 0 {
		return "…" + endpoint[i:]
	}
	return endpoint
}

func isAddress(at *url.URL) bool {
	switch at.Scheme {
	case "unix":
		return at.Path != ""
	case "redis", "rediss":
		return at.Host != ""
	default:
		return false
	}
}
