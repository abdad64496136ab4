//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"time"

	"github.com/tapio/tapio/bpf"
)

const (
	// maxWatchedLibraries bounds the files that are probed, each with one link for
	// each function.
	maxWatchedLibraries = 64
	// maxLooks bounds the new processes that wait to be looked at.
	maxLooks = 2048

	kindTLSExec = uint32(NumberTLS)<<8 | 1
)

// lookAfter says when a new process is looked at: most programs have loaded their
// libraries by the first look, one that loads them on demand by the second, the last.
func lookAfter(looks int) time.Duration {
	if looks == 0 {
		return 100 * time.Millisecond
	}
	return 2 * time.Second
}

// tlsProbe watches libssl for the probes of the protocols, which see what is in
// the clear there as they see it at sockets.
type tlsProbe struct {
	losses
	streams   *streams
	libraries libraries
	looks     []look
}

// look at a process that is due.
type look struct {
	pid   uint32
	looks int // so far
	at    time.Time
}

func newTLS(s *streams) *tlsProbe {
	s.speak(speechTLS)
	return &tlsProbe{streams: s, libraries: newLibraries("/proc")}
}

func (*tlsProbe) Name() string   { return "tls" }
func (*tlsProbe) Number() Number { return NumberTLS }

// Attach implements Probe. The library of the host is watched before anybody has
// loaded it: its probes are of the file, so they are there when a program begins.
func (p *tlsProbe) Attach(k *Kernel) []Gap {
	gaps := p.streams.attach(k, p.Name())
	for _, gap := range gaps {
		if gap.Feature != featureExec {
			return gaps
		}
	}
	for _, found := range append(p.libraries.installed(), p.libraries.loadedByAll()...) {
		if err := p.watch(found); err != nil {
			return append(gaps, Missing(p.Name(), featureLibSSL, err))
		}
	}
	return gaps
}

// watch attaches to a file once; an error is that of the first function that must
// be there.
func (p *tlsProbe) watch(found library) error {
	if !p.libraries.isNew(found) {
		return nil
	}
	if p.libraries.full() {
		p.add("libraries_full", 1)
		return nil
	}
	p.libraries.remember(found)
	return p.streams.programs.attachLibrary(found.path, []libraryFunction{
		{symbol: "SSL_read", enter: bpf.StreamProgSslRead, leave: bpf.StreamProgSslReturn, needed: true},
		{symbol: "SSL_write", enter: bpf.StreamProgSslWrite, leave: bpf.StreamProgSslReturn, needed: true},
		{symbol: "SSL_read_ex", enter: bpf.StreamProgSslReadEx, leave: bpf.StreamProgSslReturn},
		{symbol: "SSL_write_ex", enter: bpf.StreamProgSslWriteEx, leave: bpf.StreamProgSslReturn},
		{symbol: "SSL_free", enter: bpf.StreamProgSslFree},
	})
}

// Decode implements Probe.
func (p *tlsProbe) Decode(kind uint32, record []byte, out *Batch) error {
	if kind != kindTLSExec {
		return errUnknownKind
	}
	h, err := as[head](record)
	if err != nil {
		return err
	}
	if len(p.looks) >= maxLooks {
		p.add("looks_full", 1)
		return nil
	}
	p.looks = append(p.looks, look{pid: h.PID, at: out.Now.Add(lookAfter(0))})
	return nil
}

// Settle implements Settler: it looks at the processes that are due.
func (p *tlsProbe) Settle(out *Batch, _ bool) {
	kept := p.looks[:0]
	for _, one := range p.looks {
		if out.Now.Before(one.at) {
			kept = append(kept, one)
			continue
		}
		found := p.libraries.loadedBy(one.pid)
		for _, l := range found {
			if p.watch(l) != nil {
				p.add("attach_failed", 1)
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
func (p *tlsProbe) Collect(*Batch) error {
	if p.streams.programs == nil {
		return nil
	}
	loose, err := sumPerCPU(p.streams.programs.Maps[bpf.StreamMapSslLoose], 0)
	p.set("without_socket", loose)
	return err
}
