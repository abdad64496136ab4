//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/cilium/ebpf"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// rateWindows is bpf/exchange.h's RATE_WINDOWS.
const rateWindows = 10

// setSampling sets the rate above which the programs need not send all requests.
func (c *HTTPConfig) setSampling(to map[string]*ebpf.VariableSpec, tick time.Duration) error {
	exact := uint32(0)
	if c.Enabled && c.ExactRequestsPerSecond > 0 {
		exact = max(1, c.ExactRequestsPerSecond/rateWindows)
	}
	return errors.Join(
		to[bpf.StreamVarExactRequests].Set(exact),
		to[bpf.StreamVarWindowTicks].Set(uint32(max(1, time.Second/rateWindows/tick))),
		to[bpf.StreamVarSlowRequestNs].Set(uint64(c.SlowThreshold)),
	)
}

// randomness is bpf/exchange.h's: both ends of a connection come to the same.
func randomness(ends *emit.Endpoints, server bool, seq uint32) uint64 {
	port := ends.LocalPort
	if server {
		port = ends.RemotePort
	}
	h := uint64(seq)*0x9e3779b97f4a7c15 ^ uint64(port)*0xc2b2ae3d27d4eb4f
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
}

// isDrawn reports whether a request with that randomness stands for 2^shift.
func isDrawn(random uint64, shift uint8) bool {
	return bits.LeadingZeros64(^random) >= int(shift)
}

// sampled decides what becomes of an exchange: whether it is a span, and with which
// state of its trace. What failed or was slow is one always.
func (p *HTTPProbe) sampled(s *served) (state string, kept bool) {
	e := s.exchange
	if e.Shift == 0 {
		return "", true
	}
	random := randomness(&s.conn.ends, s.conn.speaker.Server, e.Seq)
	switch {
	case e.Cut, e.Response.Status >= 400, e.End.Sub(e.Start) >= p.config.SlowThreshold:
		return "ot=th:0", true
	case isDrawn(random, e.Shift):
		return sampledState(random, e.Shift), true
	}
	return "", false
}

// sampledState is that of OpenTelemetry's consistent probability sampling: the
// threshold below which the 56 bits of randomness would not have been kept.
func sampledState(random uint64, shift uint8) string {
	const size = 56
	threshold := uint64(1)<<size - uint64(1)<<(size-shift)
	digits := strings.TrimRight(fmt.Sprintf("%014x", threshold), "0")
	return "ot=th:" + digits + ";rv:" + fmt.Sprintf("%014x", random>>8)
}

// exchangeCounts is bpf/exchange.h's struct exchange_counts.
type exchangeCounts struct {
	Count   uint64
	Sum     uint64 // nanoseconds
	Buckets [15]uint64
}

// exchangeForm is bpf/exchange.h's struct exchange_form.
type exchangeForm struct {
	Version       uint32
	RequestLength uint16
	HeadLength    uint16
	LengthAt      uint16
	_             uint16
	Status        [16]uint8
	Request       [maxFormRequest]uint8
}

// exchanges is bpf/exchange.h's struct of that name.
type exchanges struct {
	Counts                     exchangeCounts
	Reported                   uint64
	AskedAt, AnsweredAt, Left  uint64
	Rest                       [2]uint32
	AskedSeq, AskedOther       uint32
	AnswerSeq, AnswerOther     uint32
	AnswerLength, AnswerCopied uint32
	Phase, Asks, Sent, Clean   uint8
	Passed, Pipelines          uint8
	Shift, Decided             uint8
	Form                       exchangeForm
	Answer                     [maxFormAnswer + 16]uint8
	_                          [4]uint8
}

type streamRestRecord struct {
	kernel.Head
	Conn   uint64
	Next   [2]uint32
	Counts exchangeCounts
}

// rest takes in what the kernel has counted of a connection, and where it has come to
// rest. The labels are those of the last exchange that was sent.
func (p *HTTPProbe) rest(record []byte, out *emit.Batch) error {
	r, err := kernel.As[streamRestRecord](record)
	if err != nil {
		return err
	}
	conn, ok := p.conns.Get(r.Conn)
	if !ok {
		return nil // Collect finds what was counted
	}
	p.credit(conn, &r.Counts, out)
	conn.reported = r.Counts.Count
	conn.speaker.Rest(r.Next)
	p.fail(conn)
	return nil
}

// credit counts what has been added since the last time.
func (p *HTTPProbe) credit(conn *httpConn, now *exchangeCounts, out *emit.Batch) {
	p.taken.addCounts(conn, now, &conn.counted, out.Table.Host())
	conn.counted = *now
}

// settleCounts removes the kernel's entry of a connection that has closed.
func (p *HTTPProbe) settleCounts(id uint64, conn *httpConn, out *emit.Batch) error {
	if !conn.sampled {
		return nil
	}
	if err := p.streams.programs.Maps[bpf.StreamMapExchangeForms].Delete(id); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("remove the form of a connection's exchanges: %w", err)
	}
	var last exchanges
	err := p.exchanges().LookupAndDelete(id, &last)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what was counted of a connection: %w", err)
	}
	p.credit(conn, &last.Counts, out)
	return nil
}

func (p *HTTPProbe) exchanges() *ebpf.Map {
	return p.streams.programs.Maps[bpf.StreamMapStreamExchanges]
}

// creditAll takes in what was counted of the connections that are open. Of one whose
// rest is still to be read the labels may have changed, so it is left for the next
// time.
func (p *HTTPProbe) creditAll(out *emit.Batch) error {
	if !p.anySampled || p.streams.programs == nil {
		return nil
	}
	p.anySampled = false
	var id uint64
	var now exchanges
	var unknown []uint64
	entries := p.exchanges().Iterate()
	for entries.Next(&id, &now) {
		conn, ok := p.conns.Peek(id)
		switch {
		case !ok:
			unknown = append(unknown, id)
		case conn.reported == now.Reported:
			p.credit(conn, &now.Counts, out)
			p.anySampled = true
		default:
			p.anySampled = true
		}
	}
	err := entries.Err()
	if errors.Is(err, ebpf.ErrIterationAborted) {
		err = nil
	}
	for _, id := range unknown {
		err = errors.Join(err, p.settleCounts(id, &httpConn{sampled: true}, out))
	}
	return err
}
