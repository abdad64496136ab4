//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

// Forgetter is a probe that keeps state between records.
type Forgetter interface {
	// Forget drops that state: after a panic it cannot be relied on.
	Forget()
}

// Forget implements Forgetter. Connections that are open begin again.
func (p *HTTPProbe) Forget() {
	p.served = nil
	p.streams.Hops.forget()
	p.conns.Purge()
}

// Forget implements Forgetter. Connections that are open begin again.
func (p *DatabaseProbe) Forget() {
	p.waiting = nil
	p.streams.Hops.forget()
	p.conns.Purge()
}
