//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/cilium/ebpf"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

const (
	// peerIdle is after how long without traffic the kernel forgets a peer.
	peerIdle = 5 * time.Minute
	// peerPause is the same when room is needed.
	peerPause = 100 * time.Millisecond
)

const rttBuckets = 14

// tcpPeer is bpf/tcp.bpf.c's struct of that name.
type tcpPeer struct {
	Start  uint64
	PID    uint32
	Port   uint16
	Role   uint16
	Remote [16]byte
}

// tcpStats is bpf/tcp.bpf.c's struct of that name.
type tcpStats struct {
	Cgroup, First, Last uint64
	tcpCounts
}

type tcpCounts struct {
	Sent, Received                            uint64
	Connects, Accepts                         uint64
	Refused, TimedOut, Unreachable, OtherFail uint64
	Retransmits                               uint64
	ResetsSent, ResetsReceived                uint64
	RTTSum                                    uint64 // microseconds
	RTT                                       [rttBuckets]uint64
}

// tcpLabels is what processes of one program have in common towards a peer.
type tcpLabels struct {
	place    *identity.Place
	role     uint8
	peer     netip.Addr
	port     uint16
	overflow bool
}

// tcpPeers makes of the kernel's counts by process those by program, which go on
// when a process ends and the kernel forgets it.
type tcpPeers struct {
	before map[tcpPeer]tcpCounts
	totals *emit.Series[tcpLabels, tcpCounts]
	metric tcpMetrics
}

type tcpMetrics struct {
	io, connects, accepts, failures, retransmits, resets, rtt emit.Metric
}

func newTCPPeers() tcpPeers {
	return tcpPeers{
		before: map[tcpPeer]tcpCounts{},
		totals: emit.NewSeries[tcpLabels, tcpCounts](emit.MaxLabels),
		metric: tcpMetrics{
			io:          emit.Metric{Name: semconv.MetricTCPIO, Unit: "By", Description: "Bytes that processes sent and received over TCP."},
			connects:    emit.Metric{Name: semconv.MetricTCPConnects, Unit: "{connection}", Description: "Connections that were established to the peer."},
			accepts:     emit.Metric{Name: semconv.MetricTCPAccepts, Unit: "{connection}", Description: "Connections that the peer established and a process used."},
			failures:    emit.Metric{Name: semconv.MetricTCPConnectFailures, Unit: "{connection}", Description: "Connects that failed, by error.type."},
			retransmits: emit.Metric{Name: semconv.MetricTCPRetransmits, Unit: "{segment}", Description: "Segments that were sent again."},
			resets:      emit.Metric{Name: semconv.MetricTCPResets, Unit: "{reset}", Description: "Connections cut by a reset, sent or received."},
			rtt: emit.Metric{
				Name: semconv.MetricTCPRTT, Unit: "s", Description: "Smoothed round trip, sampled ten times a second at most while a connection is in use.",
				Bounds: []float64{50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 1},
			},
		},
	}
}

func (t *tcpPeers) collect(m *ebpf.Map, out *emit.Batch) error {
	if m == nil {
		return nil
	}
	err := t.read(m, out, peerIdle)
	t.totals.Changed(out.Now, func(labels tcpLabels, counts *tcpCounts, since time.Time) {
		out.Since = since
		t.put(labels, counts, out)
	})
	return err
}

// makeRoom takes out of the kernel's map the peers of processes that have ended, and
// those that have not been used for a moment. What they came to is kept here.
func (t *tcpPeers) makeRoom(m *ebpf.Map, out *emit.Batch) error { return t.read(m, out, peerPause) }

func (t *tcpPeers) read(m *ebpf.Map, out *emit.Batch, idle time.Duration) error {
	var unused []tcpPeer
	peers := emit.NewReading[tcpPeer, tcpStats](m)
	err := peers.Each(func(peer *tcpPeer, stats *tcpStats) {
		t.add(*peer, stats, out)
		if out.Now.Sub(out.Clock.Wall(stats.Last)) > idle || idle < peerIdle && emit.IsGone(peer.PID) {
			unused = append(unused, *peer)
		}
	})
	for _, peer := range unused {
		err = errors.Join(err, t.retire(m, peer, out))
	}
	return err
}

func (t *tcpPeers) retire(m *ebpf.Map, peer tcpPeer, out *emit.Batch) error {
	var last tcpStats
	if err := m.LookupAndDelete(peer, &last); errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("take an idle peer out of the map: %w", err)
	}
	t.add(peer, &last, out)
	delete(t.before, peer)
	return nil
}

func (t *tcpPeers) add(peer tcpPeer, stats *tcpStats, out *emit.Batch) {
	now := stats.tcpCounts
	grown := now.minus(t.before[peer])
	t.before[peer] = now
	if grown == (tcpCounts{}) {
		return
	}
	of := &identity.Process{Place: out.Table.Host()}
	if peer.PID != 0 {
		of = out.Table.Lookup(identity.KeyAt(peer.PID, peer.Start), stats.Cgroup)
	}
	labels := tcpLabels{place: of.Place, role: uint8(peer.Role), peer: emit.Address(peer.Remote), port: peer.Port}
	rest := tcpLabels{place: out.Table.Host(), role: uint8(peer.Role), overflow: true}
	t.totals.Of(labels, rest, out.Last, out.Now).plus(&grown)
}

// each calls with both counts in turn.
func (c *tcpCounts) each(other *tcpCounts, do func(mine, theirs *uint64)) {
	do(&c.Sent, &other.Sent)
	do(&c.Received, &other.Received)
	do(&c.Connects, &other.Connects)
	do(&c.Accepts, &other.Accepts)
	do(&c.Refused, &other.Refused)
	do(&c.TimedOut, &other.TimedOut)
	do(&c.Unreachable, &other.Unreachable)
	do(&c.OtherFail, &other.OtherFail)
	do(&c.Retransmits, &other.Retransmits)
	do(&c.ResetsSent, &other.ResetsSent)
	do(&c.ResetsReceived, &other.ResetsReceived)
	do(&c.RTTSum, &other.RTTSum)
	for i := range c.RTT {
		do(&c.RTT[i], &other.RTT[i])
	}
}

// minus takes a count that is below what it was for one that began again: the peer
// was forgotten and came again.
func (c tcpCounts) minus(before tcpCounts) tcpCounts {
	reset := c.Sent < before.Sent || c.Received < before.Received || c.Connects < before.Connects
	if reset {
		return c
	}
	c.each(&before, func(mine, theirs *uint64) { *mine -= *theirs })
	return c
}

func (c *tcpCounts) plus(grown *tcpCounts) {
	c.each(grown, func(mine, theirs *uint64) { *mine += *theirs })
}

func (t *tcpPeers) put(l tcpLabels, c *tcpCounts, out *emit.Batch) {
	count := func(m *emit.Metric, n uint64, key, value string) {
		if n == 0 {
			return
		}
		point := out.Count(m, l.place)
		point.SetIntValue(int64(n))
		l.put(point.Attributes())
		if key != "" {
			point.Attributes().PutStr(key, value)
		}
	}
	count(&t.metric.io, c.Sent, semconv.NetworkIODirection, semconv.Transmit)
	count(&t.metric.io, c.Received, semconv.NetworkIODirection, semconv.Receive)
	count(&t.metric.connects, c.Connects, "", "")
	count(&t.metric.accepts, c.Accepts, "", "")
	count(&t.metric.failures, c.Refused, semconv.ErrorType, "ECONNREFUSED")
	count(&t.metric.failures, c.TimedOut, semconv.ErrorType, "ETIMEDOUT")
	count(&t.metric.failures, c.Unreachable, semconv.ErrorType, "EHOSTUNREACH")
	count(&t.metric.failures, c.OtherFail, semconv.ErrorType, "_OTHER")
	count(&t.metric.retransmits, c.Retransmits, "", "")
	count(&t.metric.resets, c.ResetsSent, semconv.NetworkIODirection, semconv.Transmit)
	count(&t.metric.resets, c.ResetsReceived, semconv.NetworkIODirection, semconv.Receive)
	if c.RTTSum > 0 {
		point := out.Histogram(&t.metric.rtt, l.place, c.RTT[:], float64(c.RTTSum)/1e6)
		l.put(point.Attributes())
	}
}

func (l tcpLabels) put(to pcommon.Map) {
	to.PutStr(semconv.ConnectionRole, roleOf(l.role))
	if l.overflow {
		to.PutBool(semconv.OtelMetricOverflow, true)
		return
	}
	to.PutStr(semconv.NetworkPeerAddress, l.peer.String())
	to.PutStr(semconv.NetworkType, emit.NetworkType(l.peer))
	to.PutInt(semconv.ServerPort, int64(l.port))
}
