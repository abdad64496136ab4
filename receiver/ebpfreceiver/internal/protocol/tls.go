//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"time"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

const (
	// maxWatchedLibraries bounds the files that are probed, each with one link for
	// each function.
	maxWatchedLibraries = 64
	// maxLooks bounds the new processes that wait to be looked at.
	maxLooks = 2048

	kindTLSExec = uint32(kernel.NumberTLS)<<8 | 1
)

// lookAfter reports when a new process is looked at: most programs have loaded their
// libraries by the first look, one that loads them on demand by the second, the last.
func lookAfter(looks int) time.Duration {
	if looks == 0 {
		return 100 * time.Millisecond
	}
	return 2 * time.Second
}

// TLSProbe watches libssl for the probes of the protocols, which see what is in
// the clear there as they see it at sockets.
type TLSProbe struct {
	kernel.Losses
	streams   *Streams
	libraries libraries
	looks     []look
}

// look at a process that is due.
type look struct {
	pid   uint32
	looks int // so far
	at    time.Time
}

// NewTLS makes the probe of the TLS library.
func NewTLS(s *Streams) *TLSProbe {
	s.speak(speechTLS)
	return &TLSProbe{streams: s, libraries: newLibraries("/proc")}
}

// Name implements probe.Probe.
func (*TLSProbe) Name() string { return "tls" }

// Number implements probe.Probe.
func (*TLSProbe) Number() kernel.Number { return kernel.NumberTLS }

// Attach implements Probe. The library of the host is watched before anybody has
// loaded it: its probes are of the file, so they are there when a program begins.
func (p *TLSProbe) Attach(k *kernel.Kernel) []kernel.Gap {
	gaps := p.streams.attach(k, p.Name())
	for _, gap := range gaps {
		if gap.Feature != featureExec {
			return gaps
		}
	}
	for _, found := range append(p.libraries.installed(), p.libraries.loadedByAll()...) {
		if err := p.watch(found); err != nil {
			return append(gaps, kernel.Missing(p.Name(), featureLibSSL, err))
		}
	}
	return gaps
}

// watch attaches to a file once; an error is that of the first function that must
// be there.
func (p *TLSProbe) watch(found library) error {
	if !p.libraries.isNew(found) {
		return nil
	}
	if p.libraries.full() {
		p.Add("libraries_full", 1)
		return nil
	}
	p.libraries.remember(found)
	return p.streams.programs.AttachLibrary(found.path, []kernel.LibraryFunction{
		{Symbol: "SSL_read", Enter: bpf.StreamProgSslRead, Leave: bpf.StreamProgSslReturn, Needed: true},
		{Symbol: "SSL_write", Enter: bpf.StreamProgSslWrite, Leave: bpf.StreamProgSslReturn, Needed: true},
		{Symbol: "SSL_read_ex", Enter: bpf.StreamProgSslReadEx, Leave: bpf.StreamProgSslReturn},
		{Symbol: "SSL_write_ex", Enter: bpf.StreamProgSslWriteEx, Leave: bpf.StreamProgSslReturn},
		{Symbol: "SSL_free", Enter: bpf.StreamProgSslFree},
	})
}

// Decode implements Probe.
func (p *TLSProbe) Decode(kind uint32, record []byte, out *emit.Batch) error {
	if kind != kindTLSExec {
		return kernel.ErrUnknownKind
	}
	h, err := kernel.As[kernel.Head](record)
	if err != nil {
		return err
	}
	if len(p.looks) >= maxLooks {
		p.Add("looks_full", 1)
		return nil
	}
	p.looks = append(p.looks, look{pid: h.PID, at: out.Now.Add(lookAfter(0))})
	return nil
}

// Settle implements Settler: it looks at the processes that are due.
func (p *TLSProbe) Settle(out *emit.Batch, _ bool) {
	kept := p.looks[:0]
	for _, one := range p.looks {
		if out.Now.Before(one.at) {
			kept = append(kept, one)
			continue
		}
		found := p.libraries.loadedBy(one.pid)
		for _, l := range found {
			if p.watch(l) != nil {
				p.Add("attach_failed", 1)
			}
		}
		if len(found) == 0 && one.looks == 0 {
			one.looks, one.at = 1, out.Now.Add(lookAfter(1))
			kept = append(kept, one)
		}
	}
	p.looks = kept
}

// Collect implements Probe.
func (p *TLSProbe) Collect(*emit.Batch) error {
	if p.streams.programs == nil {
		return nil
	}
	loose, err := kernel.SumPerCPU(p.streams.programs.Maps[bpf.StreamMapSslLoose], 0)
	p.Set("without_socket", loose)
	return err
}
