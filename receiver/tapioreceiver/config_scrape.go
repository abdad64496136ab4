// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioreceiver

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"go.opentelemetry.io/collector/config/confighttp"

	"github.com/tapio/tapio/receiver/tapioreceiver/internal/pprofscrape"
)

// ScrapeConfig names programs whose net/http/pprof endpoints are fetched into the profiles
// pipeline.
type ScrapeConfig struct {
	// Interval is the time between two fetches. Accepted: 1s or more.
	Interval time.Duration `mapstructure:"interval"`
	// CPUDuration is the duration of each CPU profile. Accepted: whole seconds, 1s or more, less than
	// interval.
	CPUDuration time.Duration `mapstructure:"cpu_duration"`
	// Targets are the programs to fetch from.
	Targets []TargetConfig `mapstructure:"targets"`
}

// TargetConfig is one program.
type TargetConfig struct {
	// ClientConfig has the keys of an HTTP client. `endpoint` is the URL of the folder of the pprof
	// endpoints, for example http://localhost:6060/debug/pprof.
	confighttp.ClientConfig `mapstructure:",squash"`

	// Service is the service.name of the program. Required.
	Service string `mapstructure:"service"`
	// Attributes are further resource attributes.
	Attributes map[string]string `mapstructure:"attributes"`
	// Profiles are the profiles to fetch. Default: `cpu`, `heap`, `goroutine`. Accepted: `cpu`, `heap`,
	// `allocs`, `mutex`, `block`, `goroutine`.
	Profiles []pprofscrape.Kind `mapstructure:"profiles"`
}

// Validate checks the times.
func (c *ScrapeConfig) Validate() error {
	if c.Interval < time.Second {
		return fmt.Errorf("interval: must be 1s or more, is %s: write a number with its unit, for example 1m", c.Interval)
	}
	if c.CPUDuration < time.Second || c.CPUDuration >= c.Interval {
		return fmt.Errorf("cpu_duration: must be 1s or more and less than interval (%s), is %s", c.Interval, c.CPUDuration)
	}
	if c.CPUDuration%time.Second != 0 {
		return fmt.Errorf("cpu_duration: must be whole seconds, as net/http/pprof takes them, is %s", c.CPUDuration)
	}
	return nil
}

// Validate checks a target.
func (c *TargetConfig) Validate() error {
	if parsed, err := url.Parse(c.Endpoint); err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return fmt.Errorf("endpoint: must be a URL with http or https, is %q: write for example http://localhost:6060/debug/pprof", c.Endpoint)
	}
	if c.Service == "" {
		return errors.New("service: must not be empty: it is the service.name of the program")
	}
	for i, kind := range c.Profiles {
		if err := kind.Check(); err != nil {
			return fmt.Errorf("profiles: %w", err)
		}
		if slices.Contains(c.Profiles[:i], kind) {
			return fmt.Errorf("profiles: %q is listed twice: list each profile once", kind)
		}
	}
	return nil
}

// kinds are the profiles to fetch.
func (c *TargetConfig) kinds() []pprofscrape.Kind {
	if len(c.Profiles) > 0 {
		return c.Profiles
	}
	return []pprofscrape.Kind{pprofscrape.CPU, pprofscrape.Heap, pprofscrape.Goroutine}
}
