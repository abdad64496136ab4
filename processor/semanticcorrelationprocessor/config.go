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
	// MemoryLimit bounds the engine's state, 1 MiB or more, 128 MiB by default.
	MemoryLimit ByteSize `mapstructure:"memory_limit"`

	// Window is the stretch of event time over which spans, logs and kernel
	// events are judged together. 1 s to 1 min, 10 s by default.
	Window time.Duration `mapstructure:"window"`

	// CloseAfter is how long nothing may join an incident before it counts as
	// over. As long as the window or longer, 5 min by default.
	CloseAfter time.Duration `mapstructure:"close_after"`

	// Lateness is how far records may lie behind the newest one at least and still
	// count: findings wait for them that long. Where sources are seen to send later,
	// what 99 of 100 of their batches keep to is waited for, up to 1 min. 0 to 1 min, 5 s
	// by default.
	Lateness time.Duration `mapstructure:"lateness"`
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
		return fmt.Errorf("%w\nhint: the keys are memory_limit, window, close_after and lateness; "+
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

func (c *Config) engine() (*correlate.Engine, error) {
	return correlate.New(correlate.Config{
		MemoryLimit: int(c.MemoryLimit),
		Window:      c.Window,
		CloseAfter:  c.CloseAfter,
	})
}
