// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package semanticcorrelationprocessor

import (
	"fmt"
	"math"
	"time"

	"github.com/dustin/go-humanize"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/tapio/tapio/internal/correlate"
)

// Config is the configuration of the processor.
type Config struct {
	// MemoryLimit is the memory of the engine's state. When it is full the least useful state is dropped,
	// counted by otelcol_tapio_correlation_evicted. Accepted: 1MiB or more.
	MemoryLimit ByteSize `mapstructure:"memory_limit"`

	// Window is the span of event time that is evaluated together. Accepted: 1s to 1m.
	Window time.Duration `mapstructure:"window"`

	// CloseAfter is the time without new evidence after which an incident is closed. Accepted: window or
	// longer.
	CloseAfter time.Duration `mapstructure:"close_after"`

	// Lateness is the minimum delay of records that still count: findings wait for them. Where sources are
	// observed to send later, the engine waits as long as 99 of 100 of their batches need, up to 1m.
	// Accepted: 0s to 1m.
	Lateness time.Duration `mapstructure:"lateness"`

	// MergeFindings takes the findings of other engines, those of nodes, as evidence: their incidents become
	// part of incidents of this engine, so that each cause is reported once. For gateways.
	MergeFindings bool `mapstructure:"merge_findings"`
}

// ByteSize is a number of bytes, in YAML also written with a unit: 128MiB.
type ByteSize int64

// UnmarshalText reads a number with an optional unit.
func (b *ByteSize) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > math.MaxInt64 {
		return fmt.Errorf("%q is not a size in bytes: write a number with a unit, for example 128MiB", text)
	}
	*b = ByteSize(n)
	return nil
}

const (
	minMemoryLimit ByteSize = 1 << 20
	maxLateness             = time.Minute
)

var (
	_ component.Config    = (*Config)(nil)
	_ confmap.Unmarshaler = (*Config)(nil)
)

// Unmarshal adds what to do to the decoder's errors, which only name the key.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	if err := conf.Unmarshal(c); err != nil {
		return fmt.Errorf("%w\nhint: the keys are memory_limit, window, close_after, lateness and merge_findings; "+
			"a duration is a number with its unit, for example 10s; a size likewise, for example 128MiB", err)
	}
	return nil
}

// Validate checks the bounds.
func (c *Config) Validate() error {
	switch {
	case c.MemoryLimit < minMemoryLimit:
		return fmt.Errorf("memory_limit: must be %s or more, is %d bytes: write a number with its unit, for example 128MiB",
			humanize.IBytes(uint64(minMemoryLimit)), c.MemoryLimit)
	case c.Window < time.Second || c.Window > time.Minute:
		return fmt.Errorf("window: must be within 1s and 1m, is %s: write a number with its unit, for example 10s", c.Window)
	case c.CloseAfter < c.Window:
		return fmt.Errorf("close_after: must be at least the window of %s, is %s: write for example 5m", c.Window, c.CloseAfter)
	case c.Lateness < 0 || c.Lateness > maxLateness:
		return fmt.Errorf("lateness: must be within 0s and 1m, is %s: write a number with its unit, for example 5s", c.Lateness)
	default:
		return nil
	}
}

// engine makes an engine whose ids differ from those of engines with another salt.
func (c *Config) engine(salt string) (*correlate.Engine, error) {
	settings := c.settings()
	settings.Salt = salt
	return correlate.New(settings)
}

func (c *Config) settings() correlate.Config {
	return correlate.Config{
		MemoryLimit: int(c.MemoryLimit),
		Window:      c.Window,
		CloseAfter:  c.CloseAfter,
	}
}
