// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"reflect"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"

	"github.com/tapio/tapio/internal/ingestcontrol"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

// ErrorMode is what a feature means that the kernel does not let be had.
type ErrorMode string

const (
	// ErrorModeIgnore runs the rest and reports what is missing.
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
	// ErrorMode is what happens when the kernel refuses a feature: ignore runs without it and reports it,
	// propagate fails the start. Accepted: `ignore`, `propagate`.
	ErrorMode ErrorMode `mapstructure:"error_mode"`
	// RingBufferSize is the size of the ring buffer between kernel and receiver. Events that do not fit
	// are lost and counted. Accepted: a power of two from 64KiB to 256MiB.
	RingBufferSize ByteSize `mapstructure:"ring_buffer_size"`
	// CollectionInterval is how often counts from the kernel become metric points. Accepted: 100ms or
	// more.
	CollectionInterval time.Duration `mapstructure:"collection_interval"`
	// ProgramStats measures the run time of the eBPF programs, which costs about 20 ns per run
	// (`otelcol_tapio_ebpf_program_run_time`).
	ProgramStats bool `mapstructure:"program_stats"`
	// Logs controls which log records (kernel events) leave the receiver.
	Logs ingestcontrol.Config `mapstructure:"logs"`
	// Metrics controls which metric points leave the receiver.
	Metrics ingestcontrol.Config `mapstructure:"metrics"`
	// Traces controls which spans leave the receiver.
	Traces ingestcontrol.Config `mapstructure:"traces"`
	// Profiles controls which profiles leave the receiver.
	Profiles ingestcontrol.Config `mapstructure:"profiles"`
	// Probes configures what is observed. A probe that is disabled attaches nothing to the kernel.
	Probes probe.Config `mapstructure:"probes"`
}

// ByteSize is a number of bytes, in YAML also written with a unit: 8MiB.
type ByteSize uint32

// UnmarshalText reads a number with an optional unit.
func (b *ByteSize) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > math.MaxUint32 {
		return fmt.Errorf("%q is not a size in bytes: write a number with a unit, for example 8MiB", text)
	}
	*b = ByteSize(n)
	return nil
}

var (
	_ component.Config    = (*Config)(nil)
	_ confmap.Unmarshaler = (*Config)(nil)
)

// Unmarshal adds what to do to the decoder's errors, which only name the key.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	if err := conf.Unmarshal(c); err != nil {
		return fmt.Errorf("%w\nhint: a duration is a number with its unit, for example 10s; a size likewise, for example 8MiB; the keys are%s",
			err, keysOf("", reflect.TypeFor[Config]()))
	}
	return nil
}

// keysOf lists the keys of a block on a line, and those of each block in it on another.
func keysOf(block string, of reflect.Type) string {
	var own, below []string
	for i := range of.NumField() {
		key, kind := of.Field(i).Tag.Get("mapstructure"), of.Field(i).Type
		if kind.Kind() == reflect.Struct {
			below = append(below, keysOf(strings.TrimPrefix(block+"::"+key, "::"), kind))
			continue
		}
		own = append(own, key)
	}
	lines := strings.Join(below, "")
	if len(own) == 0 {
		return lines
	}
	return "\n  " + strings.TrimPrefix(block+": ", ": ") + strings.Join(own, ", ") + lines
}

// Validate checks the fields; whether the kernel plays along shows at Start. The
// probes' are checked by their types.
func (c *Config) Validate() error {
	var errs []error
	if c.ErrorMode != ErrorModeIgnore && c.ErrorMode != ErrorModePropagate {
		errs = append(errs, fmt.Errorf("error_mode: must be ignore or propagate, is %q", c.ErrorMode))
	}
	if c.RingBufferSize < minRing || c.RingBufferSize > maxRing || bits.OnesCount32(uint32(c.RingBufferSize)) != 1 {
		errs = append(errs, fmt.Errorf("ring_buffer_size: must be a power of two from %s to %s, is %d bytes: write for example 8MiB",
			humanize.IBytes(minRing), humanize.IBytes(maxRing), c.RingBufferSize))
	}
	if c.CollectionInterval < 100*time.Millisecond {
		errs = append(errs, fmt.Errorf("collection_interval: must be 100ms or more, is %s: write a number with its unit, for example 10s", c.CollectionInterval))
	}
	return errors.Join(append(errs, c.validateSignals())...)
}
