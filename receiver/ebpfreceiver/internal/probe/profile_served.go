//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// maxServedSamples bounds the samples of threads that serve requests, between two drains.
const maxServedSamples = 16384

// servedSampleRecord is bpf/profile.bpf.c's struct served_sample.
type servedSampleRecord struct {
	head
	Key    sampleKey
	Sum    sampleSum
	Unseen uint32
	_      uint32
}

// servedSample is a sample and the request that the thread served, nil if none is known.
type servedSample struct {
	key     sampleKey
	sum     sampleSum
	request *inbound
}

// spanLink is the span that a sample belongs to.
type spanLink struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

// Decode implements Probe. The records of one thread come in the order of time, so the
// request that it has in hand is that of the sample.
func (p *profiler) Decode(kind uint32, record []byte, out *Batch) error {
	r, err := as[servedSampleRecord](record)
	if err != nil {
		return err
	}
	if kind&0xff != servedSampleKind {
		return errUnknownKind
	}
	if len(p.served) >= maxServedSamples {
		p.add("served_samples_full", r.Sum.Count)
		return nil
	}
	of := out.Table.Lookup(identity.KeyAt(r.Key.PID, r.Key.Start), r.Key.Cgroup)
	p.served = append(p.served, servedSample{r.Key, r.Sum, p.hops.serving(&departure{
		process: threadKey{r.Key.PID, r.Key.Start}, name: of.Name, thread: threadKey{r.Key.Thread, r.Key.Start}, unseen: r.Unseen, now: out.Now,
	})})
	return nil
}

const servedSampleKind = 1

// takeServed returns the samples of threads that serve requests, linked to the spans of
// these. The client of a request on this host, whose trace it is in, is known by now.
func (p *profiler) takeServed() []drainedSample {
	taken := make([]drainedSample, len(p.served))
	for i := range p.served {
		from := &p.served[i]
		taken[i] = drainedSample{key: from.key, sum: from.sum}
		if in := from.request; in != nil {
			taken[i].link = spanLink{trace: p.hops.traceOf(in.mark, in.header).trace, span: in.mark.server()}
		}
	}
	p.served = p.served[:0]
	return taken
}
