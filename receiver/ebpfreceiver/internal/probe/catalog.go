//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

// New returns the probes that the configuration switches on.
func New(c *Config) []Probe {
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
	shared := &streams{http: &c.HTTP, hops: newHops(), own: c.HTTP.Own}
	if c.HTTP.Enabled {
		probes = append(probes, newHTTP(shared, &c.HTTP))
	}
	if c.Redis.Enabled {
		probes = append(probes, newRedis(shared, &c.Redis))
	}
	if c.PostgreSQL.Enabled {
		probes = append(probes, newPostgreSQL(shared, &c.PostgreSQL))
	}
	if c.TLS.Enabled && shared.spoken != 0 {
		probes = append(probes, newTLS(shared))
	}
	if c.DNS.Enabled {
		probes = append(probes, newDNS(&c.DNS))
	}
	if c.Profile.Enabled {
		probes = append(probes, newProfiler(&c.Profile, shared.hops))
	}
	return probes
}
