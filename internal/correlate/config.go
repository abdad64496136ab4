// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"time"

	"github.com/tapio/tapio/internal/model"
)

// Config holds what an operator can configure. Zero fields take their defaults. Statistical constants
// are not configurable; docs/explanation/correlation.md explains them.
type Config struct {
	// MemoryLimit bounds the engine's state in bytes; default 128 MiB.
	MemoryLimit int
	// Window is the interval of event time over which spans, logs and kernel events are judged; default
	// 10 s. Internally it is split into two buckets (slots).
	Window time.Duration
	// CloseAfter is how long a group stays open without new anomalies; default 5 min.
	CloseAfter time.Duration
	// Asked is a time range in which a person assumes an incident; zero for none. Within it the engine
	// also reports the most likely causes on evidence that would not open an incident otherwise, as one
	// group beside the regular ones.
	Asked model.TimeRange
	// Salt makes group ids different from those that the engines of other nodes generate for the same
	// fault; "" for none.
	Salt string
}

// LeadIn is how much time before Asked the engine should observe, to learn baselines. It equals the
// half-life of a baseline.
const LeadIn = time.Hour

const (
	defaultMemoryLimit = 128 << 20
	minMemoryLimit     = 1 << 20
	defaultWindow      = 10 * time.Second
	defaultCloseAfter  = 5 * time.Minute
)

func (c Config) withDefaults() Config {
	if c.MemoryLimit == 0 {
		c.MemoryLimit = defaultMemoryLimit
	}
	if c.Window == 0 {
		c.Window = defaultWindow
	}
	if c.CloseAfter == 0 {
		c.CloseAfter = defaultCloseAfter
	}
	return c
}

func (c Config) validate() error {
	if c.MemoryLimit < minMemoryLimit {
		return model.InvalidField("memory_limit", "must be at least %d bytes, is %d", minMemoryLimit, c.MemoryLimit)
	}
	if c.Window < time.Second || c.Window > time.Minute {
		return model.InvalidField("window", "must be within 1s and 1m, is %v", c.Window)
	}
	if c.CloseAfter < c.Window {
		return model.InvalidField("close_after", "must be at least the window (%v), is %v", c.Window, c.CloseAfter)
	}
	return nil
}
