// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"regexp"
)

// Config has one block for each probe; a probe whose block says enabled: false
// puts nothing into the kernel. The collector validates each block under its key.
type Config struct {
	Process ProcessConfig `mapstructure:"process"`
	Syscall SyscallConfig `mapstructure:"syscall"`
	CPU     CPUConfig     `mapstructure:"cpu"`
	Block   SwitchConfig  `mapstructure:"block"`
	File    FileConfig    `mapstructure:"file"`
	TCP     TCPConfig     `mapstructure:"tcp"`
	HTTP    HTTPConfig    `mapstructure:"http"`

	Redis      DatabaseConfig `mapstructure:"redis"`
	PostgreSQL DatabaseConfig `mapstructure:"postgresql"`
	// TLS shows the probes of protocols what libssl encrypts.
	TLS SwitchConfig `mapstructure:"tls"`

	DNS DNSConfig `mapstructure:"dns"`

	Profile ProfileConfig `mapstructure:"profile"`
}

// DefaultConfig is what runs without being asked for.
func DefaultConfig() Config {
	return Config{
		Process: DefaultProcessConfig(),
		Syscall: DefaultSyscallConfig(),
		CPU:     DefaultCPUConfig(),
		Block:   SwitchConfig{Enabled: true},
		File:    DefaultFileConfig(),
		TCP:     DefaultTCPConfig(),
		HTTP:    DefaultHTTPConfig(),

		Redis:      DefaultDatabaseConfig(),
		PostgreSQL: DefaultDatabaseConfig(),

		DNS: DefaultDNSConfig(),

		Profile: DefaultProfileConfig(),
	}
}

// SwitchConfig is that of a probe that is on or off.
type SwitchConfig struct {
	Enabled bool `mapstructure:"enabled"`
}

// MaxArgsLimit is bpf/process.bpf.c's ARGS_MAX.
const MaxArgsLimit = 4096

// ProcessConfig is what to tell of processes.
type ProcessConfig struct {
	Enabled bool `mapstructure:"enabled"`
	// Exec, Exit, Signals and OOM each switch off one kind of event.
	Exec    bool `mapstructure:"exec"`
	Exit    bool `mapstructure:"exit"`
	Signals bool `mapstructure:"signals"`
	OOM     bool `mapstructure:"oom"`
	// ArgsLimit is how many bytes of a command line are told, 0 for none.
	ArgsLimit uint32 `mapstructure:"args_limit"`
	// Redact are regular expressions for secrets that package redact does not know: of
	// an argument that one matches, the first group, or without groups the match, is
	// replaced by ***.
	Redact []string `mapstructure:"redact"`
}

// DefaultProcessConfig reports everything.
func DefaultProcessConfig() ProcessConfig {
	return ProcessConfig{
		Enabled:   true,
		Exec:      true,
		Exit:      true,
		Signals:   true,
		OOM:       true,
		ArgsLimit: 1024,
	}
}

// Validate checks that the limit can be kept and the expressions are some.
func (c *ProcessConfig) Validate() error {
	if c.ArgsLimit > MaxArgsLimit {
		return fmt.Errorf("args_limit: must not be above %d, is %d", MaxArgsLimit, c.ArgsLimit)
	}
	for i, expression := range c.Redact {
		if _, err := regexp.Compile(expression); err != nil {
			return fmt.Errorf("redact[%d]: must be a regular expression (RE2): %w", i, err)
		}
	}
	return nil
}
