//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/otelprofiler"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/protocol"
)

const (
	// maxHeld is how many drains a sample waits for the record that shows which request
	// its thread served.
	maxHeld = 3
	// maxHeldSamples bounds those that wait.
	maxHeldSamples = 16384
)

// unwoundSample is a sample of OpenTelemetry's profiler, and the span that it belongs to.
type unwoundSample struct {
	otelprofiler.Sample
	link spanLink
	held int // drains
}

// unwoundSamples links samples of OpenTelemetry's profiler to requests by thread and time.
// They come up to a second later than the records of the other probes, so those of
// threads that serve wait until the thread's next record.
type unwoundSamples struct {
	timeline *protocol.Timeline
	waiting  []unwoundSample
}

// settle takes new samples and returns those of which it is known to which request they
// belong, or that none will be known; last: all.
func (u *unwoundSamples) settle(taken []otelprofiler.Sample, last bool, linkTo func(*protocol.Inbound) spanLink) (settled []unwoundSample) {
	waiting := u.waiting
	u.waiting = nil
	for i := range taken {
		waiting = append(waiting, unwoundSample{Sample: taken[i]})
	}
	for i := range waiting {
		s := &waiting[i]
		in, open := u.served(s)
		if in != nil {
			s.link = linkTo(in)
		} else if open && !last && s.held < maxHeld && len(u.waiting) < maxHeldSamples {
			s.held++
			u.waiting = append(u.waiting, *s)
			continue
		}
		settled = append(settled, *s)
	}
	return settled
}

func (u *unwoundSamples) served(s *unwoundSample) (in *protocol.Inbound, open bool) {
	if u.timeline == nil || s.At == 0 {
		return nil, false
	}
	return u.timeline.Served(s.Thread, s.Process.Start, s.At)
}
