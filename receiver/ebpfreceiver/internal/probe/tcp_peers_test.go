//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

func peerOf(pid uint32, last byte) tcpPeer {
	return tcpPeer{PID: pid, Port: 80, Remote: netip.AddrFrom4([4]byte{192, 0, 2, last}).As16()}
}

func TestProcessesOfAProgramAreAddedUp(t *testing.T) {
	out := NewBatch(Origin{}, identity.NewTable(t.TempDir()))
	for pid := range uint32(2) {
		out.Table.Executed(&identity.Start{Key: identity.KeyAt(pid+1, 0), Exe: "shop", File: "/bin/shop"})
	}
	p := newTCPPeers()
	p.add(peerOf(1, 1), &tcpStats{tcpCounts: tcpCounts{Sent: 10}}, out)
	p.add(peerOf(2, 1), &tcpStats{tcpCounts: tcpCounts{Sent: 5}}, out)
	p.add(peerOf(1, 1), &tcpStats{tcpCounts: tcpCounts{Sent: 12, Retransmits: 1}}, out)
	require.Len(t, p.totals.byKey, 1)
	for labels, total := range p.totals.byKey {
		assert.Equal(t, "shop", labels.place.Service)
		assert.Equal(t, tcpCounts{Sent: 17, Retransmits: 1}, total.value)
	}
	// The kernel forgot the peer and it came again.
	p.add(peerOf(1, 1), &tcpStats{tcpCounts: tcpCounts{Sent: 3}}, out)
	for _, total := range p.totals.byKey {
		assert.Equal(t, uint64(20), total.value.Sent)
	}
}

func TestPeersAreBounded(t *testing.T) {
	out := NewBatch(Origin{}, identity.NewTable(t.TempDir()))
	p := newTCPPeers()
	for i := range maxLabels + 500 {
		peer := peerOf(0, 1)
		peer.Port = uint16(i)
		p.add(peer, &tcpStats{tcpCounts: tcpCounts{Connects: 1}}, out)
	}
	assert.Len(t, p.totals.byKey, maxLabels+1)
	assert.Equal(t, uint64(500), p.totals.byKey[tcpLabels{place: out.Table.Host(), overflow: true}].value.Connects)
}

func TestSeriesAreBounded(t *testing.T) {
	d := newDNSDurations(3)
	of := &identity.Process{Place: &identity.Place{}}
	for i := range 10 {
		d.add(of, &dnsQuestion{name: itoa(uint16(i)), kind: "A"}, "", 7*time.Millisecond)
	}
	assert.Len(t, d.series, 4)
	rest := d.series[dnsLabels{place: of.Place, question: dnsQuestion{kind: "A"}, overflow: true}]
	require.NotNil(t, rest)
	assert.Equal(t, uint64(7), rest.counts[1], "between 5 and 10 ms")
	for i := range maxLabels {
		d.add(of, &dnsQuestion{kind: itoa(uint16(i))}, "", 0)
	}
	assert.Len(t, d.series, maxLabels+1)
}
