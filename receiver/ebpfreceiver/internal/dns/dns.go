//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// kindDNSMessage is the one of bpf/dns.bpf.c.
const kindDNSMessage = uint32(kernel.NumberDNS)<<8 | 1

const (
	// maxLookups bounds the questions that wait for an answer, to some 3 MB.
	maxLookups = 8192
	// maxDNSStreams bounds the TCP connections to name servers of which a message
	// came in pieces.
	maxDNSStreams = 256
	// sameSend is the time within which the kernel reports the same question again, though it was not
	// sent again.
	sameSend = time.Millisecond
)

// Probe matches questions to name servers with their answers.
type Probe struct {
	kernel.Losses
	config  *Config
	asked   *simplelru.LRU[lookupID, *lookup]
	streams *simplelru.LRU[dnsStreamID, *dnsStream]
	search  searches
	took    dnsDurations
}

// lookupID is what an answer has in common with its question.
type lookupID struct {
	sock     uint64
	id       uint16
	question dnsQuestion
}

type lookup struct {
	of       *identity.Process
	server   netip.Addr
	began    time.Time
	first    time.Time // this question was asked
	sent     time.Time
	attempts int
	// base is what was asked for, if a search path added a domain to it.
	base string
}

// New makes the probe.
func New(c *Config) *Probe {
	asked, err := simplelru.NewLRU[lookupID, *lookup](maxLookups, nil)
	if err != nil {
		panic(err) // a size above zero is never refused
	}
	streams, err := simplelru.NewLRU[dnsStreamID, *dnsStream](maxDNSStreams, nil)
	if err != nil {
		panic(err)
	}
	return &Probe{config: c, asked: asked, streams: streams, search: newSearches(), took: newDNSDurations(c.MaxNames)}
}

// Name implements probe.Probe.
func (*Probe) Name() string { return "dns" }

// Number implements probe.Probe.
func (*Probe) Number() kernel.Number { return kernel.NumberDNS }

// Attach implements Probe.
func (p *Probe) Attach(k *kernel.Kernel) []kernel.Gap {
	spec, err := bpf.LoadDNS()
	if err != nil {
		return []kernel.Gap{{Probe: p.Name(), Feature: "all", Reason: kernel.Refused, Err: err}}
	}
	_, gaps := k.Load(p.Name(), spec, []kernel.Feature{
		{Name: "lookups", Ways: [][]string{{bpf.DNSProgDnsSend, bpf.DNSProgDnsReceive}}, Since: kernel.SinceSockLength},
	})
	return gaps
}

type dnsRecord struct {
	kernel.Head
	Sock      uint64
	Ends      emit.Endpoints
	Length    uint32
	Copied    uint16
	Direction uint8
	TCP       uint8
}

// Decode implements Probe.
func (p *Probe) Decode(kind uint32, record []byte, out *emit.Batch) error {
	if kind != kindDNSMessage {
		return kernel.ErrUnknownKind
	}
	r, err := kernel.As[dnsRecord](record)
	if err != nil {
		return err
	}
	rest := record[unsafe.Sizeof(*r):]
	if len(rest) < int(r.Copied) {
		return kernel.ErrShort
	}
	text := rest[:r.Copied]
	if r.TCP == 1 {
		if text = p.reassemble(r, text); text == nil {
			return nil
		}
	}
	message, err := parseDNS(text)
	if err != nil {
		p.Add("malformed", 1)
		return nil //nolint:nilerr // counted: anything may be sent to that port
	}
	if message.response {
		p.answered(r, &message, out)
	} else if r.Direction == 1 {
		p.ask(r, &message, out)
	}
	return nil
}

func (p *Probe) reassemble(r *dnsRecord, text []byte) []byte {
	id := dnsStreamID{r.Sock, r.Direction}
	stream, ok := p.streams.Get(id)
	if !ok {
		stream = &dnsStream{}
	}
	message := stream.take(text, int(r.Length))
	if stream.between() {
		p.streams.Remove(id)
	} else if p.streams.Add(id, stream) {
		p.Add("streams_full", 1)
	}
	return message
}

func (p *Probe) ask(r *dnsRecord, m *dnsMessage, out *emit.Batch) {
	id, at := lookupID{r.Sock, m.id, m.question}, out.Clock.Wall(r.Time)
	if again, ok := p.asked.Peek(id); ok {
		if at.Sub(again.sent) > sameSend {
			again.attempts++
		}
		again.sent = at
		return
	}
	of := out.Table.Lookup(identity.KeyAt(r.PID, r.Start), r.Cgroup)
	one := &lookup{of: of, server: r.Ends.RemoteAddr(), began: at, first: at, sent: at, attempts: 1}
	if before := p.search.next(of.Key, &m.question); before != nil {
		one.began, one.attempts, one.base = before.began, before.attempts+1, before.base
	}
	if p.asked.Add(id, one) {
		p.Add("lookups_full", 1)
	}
}

func (p *Probe) answered(r *dnsRecord, m *dnsMessage, out *emit.Batch) {
	id := lookupID{r.Sock, m.id, m.question}
	asked, ok := p.asked.Peek(id)
	if !ok {
		return // an answer that came twice, or to a question before the probe
	}
	p.asked.Remove(id)
	at := out.Clock.Wall(r.Time)
	if m.fault != nameError {
		p.finish(&id, asked, at, m.fault, out)
		return
	}
	if given := p.search.wait(&search{lookup: *asked, id: id, answered: at, base: asked.base}); given != nil {
		p.notFound(given, out)
	}
}

// notFound finishes a lookup of which no question found anything: it was for the name
// without the domains of the search path.
func (p *Probe) notFound(s *search, out *emit.Batch) {
	if s.base != "" {
		s.id.question.name = s.base
	}
	p.finish(&s.id, &s.lookup, s.answered, nameError, out)
}

// nameError reports that there is no such name.
const nameError = "NXDOMAIN"

// finish counts a lookup, and reports one that failed.
func (p *Probe) finish(id *lookupID, l *lookup, at time.Time, fault string, out *emit.Batch) {
	p.took.add(l.of, &id.question, fault, at.Sub(l.began))
	if fault == "" {
		return
	}
	event := out.Event(semconv.EventDNSLookupFailed, l.of, at)
	emit.PutLineage(event.Attributes(), l.of, out.Table)
	if fault != nameError { // that search domains and probing programs bring about all day
		emit.Warns(event)
	}
	to := event.Attributes()
	to.PutStr(semconv.DNSQuestionName, id.question.name)
	to.PutStr(semconv.DNSQuestionType, id.question.kind)
	to.PutStr(semconv.ErrorType, fault)
	to.PutInt(semconv.DNSAttempts, int64(l.attempts))
	to.PutDouble(semconv.DNSDuration, at.Sub(l.began).Seconds())
	emit.PutPeer(to, l.server, 53)
	event.Body().SetStr(fmt.Sprintf("lookup of %s %s failed: %s", id.question.name, id.question.kind, fault))
}

// Settle implements Settler: it gives up the questions that waited too long. They
// lie in the order in which they were asked.
func (p *Probe) Settle(out *emit.Batch, last bool) {
	for over := p.search.over(out.Now, last); over != nil; over = p.search.over(out.Now, last) {
		p.notFound(over, out)
	}
	for {
		id, eldest, ok := p.asked.GetOldest()
		if !ok || out.Now.Sub(eldest.first) < p.config.Timeout {
			return
		}
		p.asked.Remove(id)
		p.finish(&id, eldest, eldest.first.Add(p.config.Timeout), "timeout", out)
	}
}

// Collect implements Probe.
func (p *Probe) Collect(out *emit.Batch) error {
	p.took.Collect(out)
	return nil
}
