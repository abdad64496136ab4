//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"net/netip"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// Endpoints is bpf/socket.h's struct of that name.
type Endpoints struct {
	Local      [16]byte
	Remote     [16]byte
	LocalPort  uint16
	RemotePort uint16
	Netns      uint32
}

// Address reads an address as the kernel keeps it; IPv4 is unmapped.
func Address(a [16]byte) netip.Addr { return netip.AddrFrom16(a).Unmap() }

// RemoteAddr is the address of the other end.
func (e *Endpoints) RemoteAddr() netip.Addr { return Address(e.Remote) }

// RemoteAddrPort is the address and port of the other end.
func (e *Endpoints) RemoteAddrPort() netip.AddrPort {
	return netip.AddrPortFrom(e.RemoteAddr(), e.RemotePort)
}

// Put writes both ends of a connection.
func (e *Endpoints) Put(to pcommon.Map) {
	to.PutStr(semconv.NetworkLocalAddress, Address(e.Local).String())
	if e.LocalPort != 0 { // a connect may fail before it has one
		to.PutInt(semconv.NetworkLocalPort, int64(e.LocalPort))
	}
	PutPeer(to, e.RemoteAddr(), e.RemotePort)
	e.PutNamespace(to)
}

// LocalScope and RemoteScope are where the two ends are: an address of loopback means
// something in its network namespace only.
func (e *Endpoints) LocalScope() identity.Endpoint { return e.scope(e.Local, e.LocalPort) }

// RemoteScope is LocalScope of the other end.
func (e *Endpoints) RemoteScope() identity.Endpoint { return e.scope(e.Remote, e.RemotePort) }

func (e *Endpoints) scope(of [16]byte, port uint16) identity.Endpoint {
	return identity.Endpoint{Netns: e.Netns, At: netip.AddrPortFrom(Address(of), port)}
}

// PutNamespace distinguishes addresses of loopback.
func (e *Endpoints) PutNamespace(to pcommon.Map) {
	if e.RemoteAddr().IsLoopback() || Address(e.Local).IsLoopback() {
		to.PutInt(semconv.NetworkNamespace, int64(e.Netns))
	}
}

// PutListener names the service that listens at the other end, if that is of this host.
func (e *Endpoints) PutListener(to pcommon.Map, table *identity.Table) {
	if p := table.Listener(e.RemoteScope()); p != nil {
		PutText(to, semconv.PeerService, p.Place.Service)
	}
}

// PutPeer writes the address and port of the other end.
func PutPeer(to pcommon.Map, peer netip.Addr, port uint16) {
	to.PutStr(semconv.NetworkPeerAddress, peer.String())
	to.PutInt(semconv.NetworkPeerPort, int64(port))
	to.PutStr(semconv.NetworkType, NetworkType(peer))
}

// NetworkType is "ipv4" or "ipv6".
func NetworkType(a netip.Addr) string {
	if a.Is4() {
		return "ipv4"
	}
	return "ipv6"
}
