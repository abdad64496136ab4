//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/sys/unix"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// The kinds of bpf/tcp.bpf.c.
const (
	kindTCPFailed      = uint32(kernel.NumberTCP)<<8 | 1
	kindTCPReset       = uint32(kernel.NumberTCP)<<8 | 2
	kindTCPRetransmits = uint32(kernel.NumberTCP)<<8 | 3
	kindTCPClosed      = uint32(kernel.NumberTCP)<<8 | 4
	kindTCPListens     = uint32(kernel.NumberTCP)<<8 | 5
)

// tcpProbe reports connections that go wrong, and sums up the others by peer.
type tcpProbe struct {
	kernel.Losses
	config   *TCPConfig
	programs *kernel.Programs
	peers    tcpPeers
	settled  uint64 // peers that had been added when room was made for others
}

// rttEvery is between two samples of the round trip of a connection.
const rttEvery = 100 * time.Millisecond

// The slots of bpf/tcp.bpf.c's tcp_counters, and the size of tcp_peers.
const (
	connectionsFull = 0
	peersFull       = 1
	peersAdded      = 2
	maxPeers        = 8192
)

func newTCP(c *TCPConfig) *tcpProbe {
	return &tcpProbe{config: c, peers: newTCPPeers()}
}

func (*tcpProbe) Name() string          { return "tcp" }
func (*tcpProbe) Number() kernel.Number { return kernel.NumberTCP }

// Attach implements Probe.
func (p *tcpProbe) Attach(k *kernel.Kernel) (gaps []kernel.Gap) {
	spec, err := bpf.LoadTCP()
	if err == nil {
		err = errors.Join(spec.Variables[bpf.TCPVarBurst].Set(p.config.RetransmitBurst),
			spec.Variables[bpf.TCPVarTellClosed].Set(p.config.ConnectionSpans),
			spec.Variables[bpf.TCPVarRttTicks].Set(uint32(max(1, rttEvery/kernel.Tick()))))
	}
	if err != nil {
		return []kernel.Gap{{Probe: p.Name(), Feature: "all", Reason: kernel.Refused, Err: err}}
	}
	p.programs, gaps = k.Load(p.Name(), spec, []kernel.Feature{
		{Name: "connections", Ways: [][]string{{bpf.TCPProgTcpState}}},
		{Name: "traffic", Ways: [][]string{{bpf.TCPProgTcpSend, bpf.TCPProgTcpReceive}}, Since: kernel.SinceSockLength},
		{Name: "retransmits", Ways: [][]string{{bpf.TCPProgTcpRetransmit}}},
		{Name: "resets received", Ways: [][]string{{bpf.TCPProgTcpReceiveReset}}},
		{Name: "resets sent", Ways: [][]string{{bpf.TCPProgTcpSendReset}}},
	})
	return gaps
}

type tcpRecord struct {
	kernel.Head
	Ends        emit.Endpoints
	Opened      uint64
	Sent        uint64
	Received    uint64
	RTT         uint32
	Retransmits uint32
	Error       int32
	Role        uint8
	Direction   uint8
	_           [2]uint8
}

// Decode implements Probe.
func (p *tcpProbe) Decode(kind uint32, record []byte, out *emit.Batch) error {
	r, err := kernel.As[tcpRecord](record)
	if err != nil {
		return err
	}
	switch kind {
	case kindTCPFailed:
		event := r.event(semconv.EventTCPConnectFailed, out)
		name := errnoName(r.Error)
		event.Attributes().PutStr(semconv.ErrorType, name)
		event.Attributes().PutDouble(semconv.TCPDuration, float64(r.Time-r.Opened)/1e9)
		event.Body().SetStr(fmt.Sprintf("connect to %s failed: %s", r.Ends.RemoteAddrPort(), name))
	case kindTCPReset:
		event := r.event(semconv.EventTCPReset, out)
		direction := directionOf(r.Direction)
		event.Attributes().PutStr(semconv.NetworkIODirection, direction)
		r.putTotals(event.Attributes())
		by := "by this end"
		if direction == semconv.Receive {
			by = "by the peer"
		}
		event.Body().SetStr(fmt.Sprintf("connection with %s was reset %s", r.Ends.RemoteAddrPort(), by))
	case kindTCPRetransmits:
		event := r.event(semconv.EventTCPRetransmitBurst, out)
		r.putTotals(event.Attributes())
		event.Body().SetStr(fmt.Sprintf("%d retransmits to %s within a second", r.Retransmits, r.Ends.RemoteAddrPort()))
	case kindTCPClosed:
		return r.span(out)
	case kindTCPListens:
		if of := r.process(out); of != nil {
			out.Table.Listens(r.Ends.LocalScope(), of.Key)
		}
	default:
		return kernel.ErrUnknownKind
	}
	return nil
}

// Process is nil for a connection that was accepted and never used.
func (r *tcpRecord) process(out *emit.Batch) *identity.Process {
	if r.PID == 0 {
		return nil
	}
	return out.Table.Lookup(identity.KeyAt(r.PID, r.Start), r.Cgroup)
}

func (r *tcpRecord) event(name string, out *emit.Batch) (event plog.LogRecord) {
	if of := r.process(out); of != nil {
		event = out.Event(name, of, out.Clock.Wall(r.Time))
		emit.PutLineage(event.Attributes(), of, out.Table)
	} else {
		event = out.EventAt(name, out.Table.Host(), out.Clock.Wall(r.Time))
	}
	emit.Warns(event)
	r.put(event.Attributes())
	if r.Role != tcpServer {
		r.Ends.PutListener(event.Attributes(), out.Table)
	}
	return event
}

func (r *tcpRecord) put(to pcommon.Map) {
	to.EnsureCapacity(20)
	to.PutStr(semconv.NetworkTransport, "tcp")
	to.PutStr(semconv.ConnectionRole, roleOf(r.Role))
	r.Ends.Put(to)
}

func (r *tcpRecord) putTotals(to pcommon.Map) {
	to.PutInt(semconv.TCPSent, int64(r.Sent))
	to.PutInt(semconv.TCPReceived, int64(r.Received))
	to.PutInt(semconv.TCPRetransmits, int64(r.Retransmits))
	to.PutDouble(semconv.TCPRTT, float64(r.RTT)/1e6)
}

// span reports a connection from begin to end; of one that is older than the
// probe the begin is not known.
func (r *tcpRecord) span(out *emit.Batch) error {
	of := r.process(out)
	if of == nil || r.Opened == 0 {
		return nil
	}
	var ids [24]byte
	if _, err := rand.Read(ids[:]); err != nil {
		return err
	}
	span := out.Span("tcp connection", of)
	span.SetTraceID(pcommon.TraceID(ids[:16]))
	span.SetSpanID(pcommon.SpanID(ids[16:]))
	span.SetKind(ptrace.SpanKindClient)
	if r.Role == tcpServer {
		span.SetKind(ptrace.SpanKindServer)
	}
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(out.Clock.Wall(r.Opened)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(out.Clock.Wall(r.Time)))
	r.put(span.Attributes())
	r.putTotals(span.Attributes())
	return nil
}

const tcpServer = 1

func roleOf(role uint8) string {
	if role == tcpServer {
		return semconv.Server
	}
	return semconv.Client
}

func directionOf(sent uint8) string {
	if sent == 1 {
		return semconv.Transmit
	}
	return semconv.Receive
}

func errnoName(n int32) string {
	if name := unix.ErrnoName(unix.Errno(n)); name != "" {
		return name
	}
	return fmt.Sprintf("errno %d", n)
}

// Collect implements Probe.
func (p *tcpProbe) Collect(out *emit.Batch) error {
	if p.programs == nil || p.programs.Maps == nil {
		return nil
	}
	counters := p.programs.Maps[bpf.TCPMapTcpCounters]
	conns, err := kernel.SumPerCPU(counters, connectionsFull)
	peers, err2 := kernel.SumPerCPU(counters, peersFull)
	p.Set("connections_map_full", conns)
	p.Set("peers_map_full", peers)
	return errors.Join(err, err2, p.peers.collect(p.programs.Maps[bpf.TCPMapTcpPeers], out))
}

// Settle implements Settler: it makes room in the kernel's map of peers before it is
// full, as each short program that connects adds one.
func (p *tcpProbe) Settle(out *emit.Batch, _ bool) {
	if p.programs == nil || p.programs.Maps == nil {
		return
	}
	added, err := kernel.SumPerCPU(p.programs.Maps[bpf.TCPMapTcpCounters], peersAdded)
	if err == nil && added-p.settled >= maxPeers/4 {
		p.settled = added
		err = p.peers.makeRoom(p.programs.Maps[bpf.TCPMapTcpPeers], out)
	}
	if err != nil {
		p.Add("peers_unread", 1)
	}
}
