// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import "slices"

// open are the exchanges of a connection that are under way, and those that the last
// piece began and completed.
type open struct {
	pending []*Exchange // without a complete response
	// early is a response whose request the kernel reported later: the thread that
	// sent it was held up while another one read the answer.
	early    *Exchange
	earlyEnd bool
	// current is the exchange whose response is passing, request the one whose
	// request is.
	current  *Exchange
	request  *Exchange
	begun    []*Exchange
	complete []*Exchange
}

// failures counts what could not be parsed.
type failures struct{ counts map[Reason]uint64 }

func (f *failures) add(r Reason, n uint64) {
	if f.counts == nil {
		f.counts = map[Reason]uint64{}
	}
	f.counts[r] += n
}

// Begun returns the requests that the last piece began; their responses may be
// long in coming.
func (o *open) Begun() []*Exchange { return o.begun }

// Pending returns the requests without a complete response, the eldest first.
func (o *open) Pending() []*Exchange { return o.pending }

// take returns the counts since the last call.
func (f *failures) take() map[Reason]uint64 {
	counts := f.counts
	f.counts = nil
	return counts
}

// shift takes the eldest request from those that wait.
func (o *open) shift(e *Exchange) {
	if o.request == e {
		o.request = nil
	}
	if len(o.pending) > 0 && o.pending[0] == e {
		o.pending = slices.Delete(o.pending, 0, 1)
	}
}

// finish releases the exchange, as it may be used again: what of its request
// still comes belongs to no exchange.
func (o *open) finish(e *Exchange) {
	if !e.Lost {
		o.complete = append(o.complete, e)
	}
	if o.request == e {
		o.request = nil
	}
}
