//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

func peerOf(pid uint32, last byte) tcpPeer {
	return tcpPeer{PID: pid, Port: 80, Remote: netip.AddrFrom4([4]byte{192, 0, 2, last}).As16()}
}

func TestProcessesOfAProgramAreAddedUp(t *testing.T) {
	out := emit.NewBatch(emit.Origin{}, identity.NewTable(t.TempDir()))
	for pid := range uint32(2) {
		out.Table.Executed(&identity.Start{Key: identity.KeyAt(pid+1, 0), Exe: "shop", File: "/bin/shop"})
	}
	p := newTCPPeers()
	p.add(peerOf(1, 1), &tcpStats{tcpCounts: tcpCounts{Sent: 10}}, out)
	p.add(peerOf(2, 1), &tcpStats{tcpCounts: tcpCounts{Sent: 5}}, out)
	p.add(peerOf(1, 1), &tcpStats{tcpCounts: tcpCounts{Sent: 12, Retransmits: 1}}, out)
	require.Len(t, p.totals.ByKey, 1)
	for labels, total := range p.totals.ByKey {
		assert.Equal(t, "shop", labels.place.Service)
		assert.Equal(t, tcpCounts{Sent: 17, Retransmits: 1}, total.Value)
	}
	// The kernel forgot the peer and it came again.
	p.add(peerOf(1, 1), &tcpStats{tcpCounts: tcpCounts{Sent: 3}}, out)
	for _, total := range p.totals.ByKey {
		assert.Equal(t, uint64(20), total.Value.Sent)
	}
}

func TestPeersAreBounded(t *testing.T) {
	out := emit.NewBatch(emit.Origin{}, identity.NewTable(t.TempDir()))
	p := newTCPPeers()
	for i := range emit.MaxLabels + 500 {
		peer := peerOf(0, 1)
		peer.Port = uint16(i)
		p.add(peer, &tcpStats{tcpCounts: tcpCounts{Connects: 1}}, out)
	}
	assert.Len(t, p.totals.ByKey, emit.MaxLabels+1)
	assert.Equal(t, uint64(500), p.totals.ByKey[tcpLabels{place: out.Table.Host(), overflow: true}].Value.Connects)
}
