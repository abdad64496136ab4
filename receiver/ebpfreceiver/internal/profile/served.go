//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/protocol"
)

// maxServedSamples bounds the samples of threads that serve requests, between two drains.
const maxServedSamples = 16384

// servedSampleRecord is bpf/profile.bpf.c's struct served_sample.
type servedSampleRecord struct {
	kernel.Head
	Key    sampleKey
	Sum    sampleSum
	Unseen uint32
	_      uint32
}

// servedSample is a sample and the request that the thread served, nil if none is known.
type servedSample struct {
	key     sampleKey
	sum     sampleSum
	request *protocol.Inbound
}

// spanLink is the span that a sample belongs to.
type spanLink struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

// The kinds of records.
const (
	servedSampleKind  = 1
	servingThreadKind = 2
)

// Decode implements Probe. The records of one thread come in the order of time, so the
// request that it has in hand is that of the sample.
func (p *Profiler) Decode(kind uint32, record []byte, out *emit.Batch) error {
	switch kind & 0xff {
	case servedSampleKind:
		return p.servedSample(record, out)
	case servingThreadKind:
		return p.servingThread(record, out)
	default:
		return kernel.ErrUnknownKind
	}
}

func (p *Profiler) servedSample(record []byte, out *emit.Batch) error {
	r, err := kernel.As[servedSampleRecord](record)
	if err != nil {
		return err
	}
	thread := departure(r.Key.PID, r.Key.Thread, r.Key.Start, r.Key.Cgroup, r.Unseen, out)
	p.hops.Witness(thread, r.Time)
	if len(p.served) >= maxServedSamples {
		p.Add("served_samples_full", r.Sum.Count)
		return nil
	}
	p.served = append(p.served, servedSample{r.Key, r.Sum, p.hops.Serving(thread)})
	return nil
}

// servingThreadRecord is bpf/profile.bpf.c's struct serving_thread.
type servingThreadRecord struct {
	kernel.Head
	Thread uint32
	Unseen uint32
}

func (p *Profiler) servingThread(record []byte, out *emit.Batch) error {
	r, err := kernel.As[servingThreadRecord](record)
	if err != nil {
		return err
	}
	p.hops.Witness(departure(r.PID, r.Thread, r.Start, r.Cgroup, r.Unseen, out), r.Time)
	return nil
}

func departure(pid, thread uint32, start, cgroup uint64, unseen uint32, out *emit.Batch) *protocol.Departure {
	of := out.Table.Lookup(identity.KeyAt(pid, start), cgroup)
	return &protocol.Departure{
		Process: protocol.ThreadKey{ID: pid, Start: start}, Name: of.Name, Thread: protocol.ThreadKey{ID: thread, Start: start}, Unseen: unseen, Now: out.Now,
	}
}

// takeServed returns the samples of threads that serve requests, linked to the spans of
// these. The client of a request on this host, whose trace it is in, is known by now.
func (p *Profiler) takeServed() []drainedSample {
	taken := make([]drainedSample, len(p.served))
	for i := range p.served {
		from := &p.served[i]
		taken[i] = drainedSample{key: from.key, sum: from.sum}
		if in := from.request; in != nil {
			taken[i].link = p.linkTo(in)
		}
	}
	p.served = p.served[:0]
	return taken
}

func (p *Profiler) linkTo(in *protocol.Inbound) spanLink {
	return spanLink{trace: p.hops.TraceOf(in.Mark, in.Header).Trace, span: in.Mark.Server()}
}
