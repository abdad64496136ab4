//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// The slots of bpf/file.bpf.c's file_counts.
const (
	countOpenNow = iota
	countFull
	countTooLong
)

// files reports who opens, writes, renames and removes files.
type files struct {
	kernel.Losses
	config *FileConfig
	rules  []pathRule
	names  map[uint32]string
	counts *ebpf.Map
	sweep  func() error
	own    uint32 // whose files are not reported
}

func newFiles(c *FileConfig) *files {
	return &files{config: c, rules: c.rules(), names: kernel.SyscallNames(), own: uint32(os.Getpid())}
}

func (*files) Name() string          { return "file" }
func (*files) Number() kernel.Number { return kernel.NumberFile }

// Attach implements Probe.
func (p *files) Attach(k *kernel.Kernel) []kernel.Gap {
	spec, err := bpf.LoadFile()
	if err == nil {
		err = p.set(spec)
	}
	if err != nil {
		return []kernel.Gap{{Probe: p.Name(), Feature: "all", Reason: kernel.Refused, Err: err}}
	}
	features := []kernel.Feature{{Name: "calls", Ways: [][]string{{bpf.FileProgOnFileCall}}, Since: "6.2"}}
	if p.config.Writes {
		features = append(features, kernel.Feature{Name: "writes", Ways: [][]string{{bpf.FileProgOnSweep}, {bpf.FileProgOnSweepCall}}, Over: bpf.FileMapOpenFiles, Since: "6.2"})
	}
	loaded, gaps := k.Load(p.Name(), spec, features)
	p.counts = loaded.Maps[bpf.FileMapFileCounts]
	p.sweep = func() error {
		return errors.Join(loaded.Iterate(bpf.FileProgOnSweep), loaded.Iterate(bpf.FileProgOnSweepCall)) // one of them was attached
	}
	if err := p.fillPrefixes(loaded.Maps[bpf.FileMapPrefixes]); err != nil {
		gaps = append(gaps, kernel.Missing(p.Name(), "paths", err))
	}
	return gaps
}

func (p *files) set(spec *ebpf.CollectionSpec) error {
	return errors.Join(
		spec.Variables[bpf.FileVarOperations].Set(p.operations()),
		spec.Variables[bpf.FileVarOwnPid].Set(p.own),
		spec.Variables[bpf.FileVarTellOpens].Set(p.config.Opens),
		spec.Variables[bpf.FileVarTellReads].Set(p.config.Reads),
		spec.Variables[bpf.FileVarTellWrites].Set(p.config.Writes),
		spec.Variables[bpf.FileVarTellEvery].Set(uint64(p.config.WriteInterval)),
	)
}

// operations says of each call's number how its arguments are to be read, by
// bpf/file.bpf.c's enum operation; of calls that no one asked about nothing.
func (p *files) operations() (table [512]uint8) {
	of := map[string]uint8{}
	if p.config.Opens || p.config.Writes {
		of["open"], of["creat"], of["openat"], of["openat2"] = 1, 2, 3, 4
	}
	if p.config.Writes {
		for _, name := range []string{"write", "writev", "pwrite64", "pwritev", "pwritev2", "sendfile"} {
			of[name] = 5
		}
		of["copy_file_range"], of["splice"] = 6, 6
	}
	if p.config.Unlinks {
		of["unlink"], of["rmdir"], of["unlinkat"] = 7, 7, 8
	}
	if p.config.Renames {
		of["rename"], of["renameat"], of["renameat2"] = 9, 10, 10
	}
	for number, name := range p.names {
		if number < uint32(len(table)) {
			table[number] = of[name]
		}
	}
	return table
}

// pathPrefix is bpf/file.h's struct prefix.
type pathPrefix struct {
	Bits uint32
	Text [252]byte
}

func (p *files) fillPrefixes(m *ebpf.Map) error {
	if m == nil {
		return nil // there is a gap for it
	}
	for _, rule := range p.rules {
		key := pathPrefix{Bits: uint32(len(rule.prefix)) * 8}
		copy(key.Text[:], rule.prefix)
		verdict := uint8(0)
		if rule.wanted {
			verdict = 1
		}
		if err := m.Put(key, verdict); err != nil {
			return fmt.Errorf("add the path %q: %w", rule.prefix, err)
		}
	}
	return nil
}

// Settle looks which files have been closed. What it finds comes through the
// ring buffer, with the next batch.
func (p *files) Settle(*emit.Batch, bool) {
	if open, err := p.count(countOpenNow); err != nil || open == 0 {
		return
	}
	if err := p.sweep(); err != nil {
		p.Add("sweep", 1)
	}
}

// Collect takes over what the kernel counted.
func (p *files) Collect(*emit.Batch) error {
	full, err := p.count(countFull)
	p.Set("open_files_full", full)
	long, other := p.count(countTooLong)
	p.Set("path_too_long", long)
	return errors.Join(err, other)
}

func (p *files) count(slot uint32) (n uint64, err error) {
	if p.counts == nil {
		return 0, nil
	}
	if err := p.counts.Lookup(slot, &n); err != nil {
		return 0, fmt.Errorf("read what the kernel counted of files: %w", err)
	}
	return n, nil
}
