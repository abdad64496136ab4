//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"errors"
	"os"
	"slices"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/http1"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// The kinds of bpf/stream.h; the high byte is the probe.
const (
	streamData  = 1
	streamClose = 2
	streamRest  = 3
)

// The slots of stream_missed.
const (
	missedMapFull    = 0
	missedUnreadable = 1
)

// speech is bpf/speech.h's enum of that name.
type speech uint8

const (
	speechOther      speech = 1
	speechHTTP       speech = 2
	speechRedis      speech = 3
	speechPostgreSQL speech = 4
	speechTLS        speech = 5
)

// The features of TLS.
const (
	featureLibSSL = "libssl"
	featureExec   = "exec"
)

// Streams are the programs that the probes of all protocols share: a connection
// is looked into once, whatever it speaks.
type Streams struct {
	HTTP     *HTTPConfig
	Hops     *Hops
	Own      bool
	Spoken   uint32
	programs *kernel.Programs
	gaps     []kernel.Gap
	tried    bool
}

// speak is called before any probe attaches.
func (s *Streams) speak(what speech) { s.Spoken |= 1 << what }

// attach loads the programs for the first probe that asks. One direction without
// the other makes no spans, so they are one feature.
func (s *Streams) attach(k *kernel.Kernel, probe string) []kernel.Gap {
	if !s.tried {
		s.tried = true
		s.gaps = s.load(k, probe)
	}
	gaps := make([]kernel.Gap, len(s.gaps))
	for i, gap := range s.gaps {
		gap.Probe = probe
		gaps[i] = gap
	}
	return slices.DeleteFunc(gaps, func(g kernel.Gap) bool {
		return probe != "tls" && (g.Feature == featureLibSSL || g.Feature == featureExec)
	})
}

func (s *Streams) load(k *kernel.Kernel, probe string) (gaps []kernel.Gap) {
	spec, err := bpf.LoadStream()
	if err == nil && !s.Own {
		err = spec.Variables[bpf.StreamVarOwnPid].Set(uint32(os.Getpid()))
	}
	if err == nil {
		err = errors.Join(spec.Variables[bpf.StreamVarSpoken].Set(s.Spoken), s.HTTP.setSampling(spec.Variables, kernel.Tick()))
	}
	if err != nil {
		return []kernel.Gap{{Probe: probe, Feature: "all", Reason: kernel.Refused, Err: err}}
	}
	features := []kernel.Feature{
		{Name: "spans", Ways: [][]string{{bpf.StreamProgStreamState, bpf.StreamProgStreamSend, bpf.StreamProgStreamReceive}}, Since: kernel.SinceSockLength},
	}
	if s.Spoken&(1<<speechTLS) != 0 {
		features = append(features,
			kernel.Feature{Name: featureLibSSL, Ways: [][]string{{
				bpf.StreamProgSslReturn, bpf.StreamProgSslRead, bpf.StreamProgSslReadEx, bpf.StreamProgSslWrite, bpf.StreamProgSslWriteEx,
				bpf.StreamProgSslFree,
			}}, Since: "6.6"},
			kernel.Feature{Name: featureExec, Ways: [][]string{{bpf.StreamProgTlsExec}}})
	}
	s.programs, gaps = k.Load(probe, spec, features)
	return gaps
}

// streamConn is bpf/stream.h's struct stream_conn.
type streamConn struct {
	Start, Cgroup                    uint64
	Ends                             emit.Endpoints
	FirstByteAt, SentAt, PeerEndedAt uint64
	SSL, Socket                      uint64
	At, Copies, Skip                 [2]uint32
	PID                              uint32
	Speech                           speech
	Tries                            uint8
	Asks, Encrypted                  uint8
	Held                             [2]uint8
	Last                             uint8
	_                                uint8
	Text                             [2][8]uint8
	Comm                             [16]uint8
	_                                [4]uint8
}

// forget notes in the kernel that the connection speaks no protocol any more.
func (s *Streams) forget(conn uint64) error { return s.set(conn, speechOther) }

// decideAnew has the kernel find out what the connection speaks from here on.
func (s *Streams) decideAnew(conn uint64) error { return s.set(conn, 0) }

func (s *Streams) set(conn uint64, to speech) error {
	err := s.programs.Maps[bpf.StreamMapStreamConns].Update(conn, &streamConn{Speech: to}, ebpf.UpdateExist)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil // it is closed already
	}
	return err
}

// missed reports calls that were not looked into: the kernel's map of connections
// was full, or their bytes lay in memory that was not at hand.
func (s *Streams) missed(to *kernel.Losses) error {
	if s.programs == nil {
		return nil
	}
	counts := s.programs.Maps[bpf.StreamMapStreamMissed]
	full, err := kernel.SumPerCPU(counts, missedMapFull)
	if err != nil {
		return err
	}
	to.Set("connections_map_full", full)
	unreadable, err := kernel.SumPerCPU(counts, missedUnreadable)
	to.Set("unreadable", unreadable)
	return err
}

type streamRecord struct {
	kernel.Head
	Conn       uint64
	Ends       emit.Endpoints
	Seq        uint32
	Length     uint32
	Other      uint32
	Thread     uint32
	Copied     uint16
	Direction  uint8
	TailLength uint8
	Encrypted  uint8
	First      uint8
	Asks       uint8
	Shift      uint8
	Unseen     uint32
	_          uint32
	Tail       [32]byte
	Comm       [16]uint8
}

type streamCloseRecord struct {
	kernel.Head
	Conn        uint64
	PeerEndedAt uint64
	Next        [2]uint32
	// GivenUp: this end closed it, and the other had not.
	GivenUp uint32
	// Unread is how many bytes this end had not read.
	Unread uint32
	// Reset: the other had closed it before, and refused what this end sent then.
	Reset uint32
	_     uint32
}

// end is how the record reports that the connection ended.
func (r *streamCloseRecord) end(clock kernel.Clock) http1.End {
	end := http1.End{
		Time: clock.Wall(r.Time), Next: r.Next, Known: true,
		GivenUp: r.GivenUp != 0, Unread: r.Unread != 0, Refused: r.Reset != 0,
	}
	if r.PeerEndedAt != 0 {
		end.PeerTime = clock.Wall(r.PeerEndedAt)
	}
	return end
}

// piece is what a record carries of its stream, valid as long as the record.
func (r *streamRecord) piece(record []byte, at time.Time) (p http1.Piece, err error) {
	rest := record[unsafe.Sizeof(*r):]
	if len(rest) < int(r.Copied) || int(r.TailLength) > len(r.Tail) {
		return p, kernel.ErrShort
	}
	return http1.Piece{
		Time: at, Sent: r.Direction == 1, Seq: r.Seq, Length: int(r.Length), Data: rest[:r.Copied], Tail: r.Tail[:r.TailLength],
		First: r.First != 0, Other: r.Other, OtherKnown: true, Asked: r.Asks == 1, AskedKnown: true,
	}, nil
}

func (r *streamRecord) threadKey() ThreadKey  { return ThreadKey{r.Thread, r.Start} }
func (r *streamRecord) processKey() ThreadKey { return ThreadKey{r.PID, r.Start} }

// Departure is what the record says of a request that it sends.
func (r *streamRecord) departure(mark callID, of *identity.Process, out *emit.Batch) *Departure {
	remote := r.Ends.RemoteScope()
	return &Departure{
		mark: mark, Process: r.processKey(), Name: of.Name, Thread: r.threadKey(), Unseen: r.Unseen, Now: out.Now,
		here: remote.At.Addr().IsLoopback() || out.Table.Listener(remote) != nil,
	}
}

// check is what the kernel had reported of the connection at the last lookup.
type check struct {
	at   [2]uint32
	gone bool
	done bool
}

// silent reports that records of the connection were lost: the kernel sent more of
// it than came, or it is closed, and was so at the lookup before.
func (s *Streams) silent(conn uint64, before *check, next [2]uint32) bool {
	if s.programs == nil {
		return false
	}
	var now streamConn
	err := s.programs.Maps[bpf.StreamMapStreamConns].Lookup(conn, &now)
	last := *before
	*before = check{at: now.At, gone: errors.Is(err, ebpf.ErrKeyNotExist), done: true}
	switch {
	case !last.done:
		return false
	case before.gone:
		return last.gone
	}
	return err == nil && !last.gone && last.at == now.At && now.At != next
}
