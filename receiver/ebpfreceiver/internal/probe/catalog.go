//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"go.opentelemetry.io/collector/receiver"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/dns"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/profile"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/protocol"
)

// New returns the probes that the configuration switches on.
func New(c *Config, set receiver.Settings) []Probe {
	var probes []Probe
	if c.Process.Enabled {
		probes = append(probes, newProcess(&c.Process))
	}
	if c.Syscall.Enabled {
		probes = append(probes, newSyscalls(&c.Syscall))
	}
	if c.CPU.Enabled {
		probes = append(probes, newCPU(&c.CPU))
	}
	if c.Block.Enabled {
		probes = append(probes, newBlock())
	}
	if c.File.Enabled && len(c.File.Paths) > 0 {
		probes = append(probes, newFiles(&c.File))
	}
	if c.TCP.Enabled {
		probes = append(probes, newTCP(&c.TCP))
	}
	shared := &protocol.Streams{HTTP: &c.HTTP, Hops: protocol.NewHops(), Own: c.HTTP.Own}
	if c.HTTP.Enabled {
		probes = append(probes, protocol.NewHTTP(shared, &c.HTTP))
	}
	if c.Redis.Enabled {
		probes = append(probes, protocol.NewRedis(shared, &c.Redis))
	}
	if c.PostgreSQL.Enabled {
		probes = append(probes, protocol.NewPostgreSQL(shared, &c.PostgreSQL))
	}
	if c.TLS.Enabled && shared.Spoken != 0 {
		probes = append(probes, protocol.NewTLS(shared))
	}
	if c.DNS.Enabled {
		probes = append(probes, dns.New(&c.DNS))
	}
	if c.Profile.Enabled {
		probes = append(probes, profile.New(&c.Profile, shared.Hops, set))
	}
	return probes
}

// AllMissing is a gap for each probe, for one reason.
func AllMissing(probes []Probe, err error) []kernel.Gap {
	gaps := make([]kernel.Gap, len(probes))
	for i, p := range probes {
		gaps[i] = kernel.Missing(p.Name(), "all", err)
	}
	return gaps
}
