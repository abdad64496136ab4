// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"regexp"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/dns"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/profile"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/protocol"
)

// Config has one block for each probe; a probe whose block says enabled: false
// puts nothing into the kernel. The collector validates each block under its key.
type Config struct {
	// Process reports processes that start and exit, signals and OOM kills.
	Process ProcessConfig `mapstructure:"process"`
	// Syscall measures system calls.
	Syscall SyscallConfig `mapstructure:"syscall"`
	// CPU measures CPU time and run-queue latency per program.
	CPU CPUConfig `mapstructure:"cpu"`
	// Block observes disk requests.
	Block SwitchConfig `mapstructure:"block"`
	// File reports access to the listed files.
	File FileConfig `mapstructure:"file"`
	// TCP observes connections: failures, resets, retransmits.
	TCP TCPConfig `mapstructure:"tcp"`
	// HTTP reads HTTP/1.x requests at the socket.
	HTTP protocol.HTTPConfig `mapstructure:"http"`

	// Redis reads Redis commands at the socket.
	Redis protocol.DatabaseConfig `mapstructure:"redis"`
	// PostgreSQL reads PostgreSQL queries at the socket.
	PostgreSQL protocol.DatabaseConfig `mapstructure:"postgresql"`
	// TLS reads data before encryption and after decryption in libssl, for http, redis and postgresql.
	// Each call of the library then costs some microseconds more.
	TLS SwitchConfig `mapstructure:"tls"`

	// DNS observes DNS queries.
	DNS dns.Config `mapstructure:"dns"`

	// Profile samples stacks of the whole host. Active only if a profiles pipeline uses the receiver.
	Profile profile.Config `mapstructure:"profile"`
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
		HTTP:    protocol.DefaultHTTPConfig(),

		Redis:      protocol.DefaultDatabaseConfig(),
		PostgreSQL: protocol.DefaultDatabaseConfig(),

		DNS: dns.DefaultConfig(),

		Profile: profile.DefaultConfig(),
	}
}

// SwitchConfig is that of a probe that is on or off.
type SwitchConfig struct {
	// Enabled runs the probe.
	Enabled bool `mapstructure:"enabled"`
}

// MaxArgsLimit is bpf/process.bpf.c's ARGS_MAX.
const MaxArgsLimit = 4096

// ProcessConfig is what to report of processes.
type ProcessConfig struct {
	// Enabled runs the probe.
	Enabled bool `mapstructure:"enabled"`
	// Exec reports programs that start.
	Exec bool `mapstructure:"exec"`
	// Exit reports processes that exit.
	Exit bool `mapstructure:"exit"`
	// Signals reports signals that end processes.
	Signals bool `mapstructure:"signals"`
	// OOM reports processes that the kernel kills for lack of memory.
	OOM bool `mapstructure:"oom"`
	// ArgsLimit is the number of bytes of a command line that are reported. Accepted: 0 for none, at most
	// 4096.
	ArgsLimit uint32 `mapstructure:"args_limit"`
	// Redact lists regular expressions (RE2) for secrets in command lines, in addition to [those that are
	// always hidden](../how-to/redact-at-ingest.md#secrets-in-command-lines). The first group of a match,
	// or without groups the match, becomes `***`. An option and the argument after it are also matched as
	// `option=argument`.
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
