// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"time"

	"github.com/tapio/tapio/internal/model"
)

// Config is what an operator may choose. Zero fields take their default. The
// statistical constants are none of it: docs/explanation/correlation.md explains them.
type Config struct {
	// MemoryLimit bounds the engine's state in bytes; default 128 MiB.
	MemoryLimit int
	// Window is the width of the stretch of event time over which spans, logs
	// and kernel events are judged; default 10 s.
	Window time.Duration
	// CloseAfter is how long nothing may join a group before it is closed;
	// default 5 min.
	CloseAfter time.Duration
	// Asked is the stretch of time about which a person asks, because they hold
	// that there was an incident; zero if nobody does. Then there is little doubt
	// that there was one, and the likeliest causes in it are told on evidence that
	// would wake nobody, in one group besides those that would.
	Asked model.TimeRange
	// Salt makes the ids of groups differ from those that the engines of other nodes give to
	// the same fault; "" for none.
	Salt string
}

// LeadIn is how much of the time before what is asked about the engine should be
// shown: nothing is unusual to one that has not seen what is usual. As long as a
// baseline lasts; an engine in a pipeline knows no more.
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
