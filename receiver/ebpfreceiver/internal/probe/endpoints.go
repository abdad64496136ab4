//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"net/netip"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// endpoints is bpf/socket.h's struct of that name.
type endpoints struct {
	Local      [16]byte
	Remote     [16]byte
	LocalPort  uint16
	RemotePort uint16
	Netns      uint32
}

func address(a [16]byte) netip.Addr { return netip.AddrFrom16(a).Unmap() }

func (e *endpoints) remote() netip.Addr { return address(e.Remote) }

func (e *endpoints) remotePort() netip.AddrPort { return netip.AddrPortFrom(e.remote(), e.RemotePort) }

// put writes both ends of a connection.
func (e *endpoints) put(to pcommon.Map) {
	to.PutStr(semconv.NetworkLocalAddress, address(e.Local).String())
	if e.LocalPort != 0 { // a connect may fail before it has one
		to.PutInt(semconv.NetworkLocalPort, int64(e.LocalPort))
	}
	putPeer(to, e.remote(), e.RemotePort)
	e.putNamespace(to)
}

// localScope and remoteScope are where the two ends are: an address of loopback means
// something in its network namespace only.
func (e *endpoints) localScope() identity.Endpoint  { return e.scope(e.Local, e.LocalPort) }
func (e *endpoints) remoteScope() identity.Endpoint { return e.scope(e.Remote, e.RemotePort) }

func (e *endpoints) scope(of [16]byte, port uint16) identity.Endpoint {
	return identity.Endpoint{Netns: e.Netns, At: netip.AddrPortFrom(address(of), port)}
}

// putNamespace tells addresses of loopback apart.
func (e *endpoints) putNamespace(to pcommon.Map) {
	if e.remote().IsLoopback() || address(e.Local).IsLoopback() {
		to.PutInt(semconv.NetworkNamespace, int64(e.Netns))
	}
}

// putListener names the service that listens at the other end, if that is of this host.
func (e *endpoints) putListener(to pcommon.Map, table *identity.Table) {
	if p := table.Listener(e.remoteScope()); p != nil {
		putText(to, semconv.PeerService, p.Place.Service)
	}
}

func putPeer(to pcommon.Map, peer netip.Addr, port uint16) {
	to.PutStr(semconv.NetworkPeerAddress, peer.String())
	to.PutInt(semconv.NetworkPeerPort, int64(port))
	to.PutStr(semconv.NetworkType, networkType(peer))
}

func networkType(a netip.Addr) string {
	if a.Is4() {
		return "ipv4"
	}
	return "ipv6"
}
