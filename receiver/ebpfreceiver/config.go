// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

// ErrorMode is what a feature means that the kernel does not let be had.
type ErrorMode string

const (
	// ErrorModeIgnore runs the rest and says what is missing.
	ErrorModeIgnore ErrorMode = "ignore"
	// ErrorModePropagate does not let the collector start.
	ErrorModePropagate ErrorMode = "propagate"
)

// The bounds of the ring buffer.
const (
	minRing = 64 << 10
	maxRing = 256 << 20
)

// Config is the configuration of the eBPF receiver.
type Config struct {
	// ErrorMode is ignore or propagate.
	ErrorMode ErrorMode `mapstructure:"error_mode"`
	// RingBufferSize is in bytes, a power of two. What does not fit is lost and
	// counted.
	RingBufferSize uint32 `mapstructure:"ring_buffer_size"`
	// CollectionInterval is how often what the kernel counts becomes points.
	CollectionInterval time.Duration `mapstructure:"collection_interval"`
	// ProgramStats lets the kernel measure how long its programs run, at a cost of
	// some 20 ns a run.
	ProgramStats bool `mapstructure:"program_stats"`
	// Logs, Metrics and Traces say how much of each signal goes on.
	Logs    SignalConfig `mapstructure:"logs"`
	Metrics SignalConfig `mapstructure:"metrics"`
	Traces  SignalConfig `mapstructure:"traces"`
	// Probes are the things to watch.
	Probes probe.Config `mapstructure:"probes"`
}

var _ component.Config = (*Config)(nil)

// Validate checks the fields; whether the kernel plays along shows at Start.
func (c *Config) Validate() error {
	var errs []error
	if c.ErrorMode != ErrorModeIgnore && c.ErrorMode != ErrorModePropagate {
		errs = append(errs, fmt.Errorf("error_mode: must be ignore or propagate, is %q", c.ErrorMode))
	}
	if c.RingBufferSize < minRing || c.RingBufferSize > maxRing || bits.OnesCount32(c.RingBufferSize) != 1 {
		errs = append(errs, fmt.Errorf("ring_buffer_size: must be a power of two from %d to %d, is %d", minRing, maxRing, c.RingBufferSize))
	}
	if c.CollectionInterval < 100*time.Millisecond {
		errs = append(errs, fmt.Errorf("collection_interval: must be 100ms or more, is %s", c.CollectionInterval))
	}
	if err := c.Probes.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("probes::%w", err))
	}
	return errors.Join(append(errs, c.validateSignals())...)
}
