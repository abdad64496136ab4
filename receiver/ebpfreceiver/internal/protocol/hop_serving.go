//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

// inHand returns the request that the thread has in hand, nil if it may have another one.
func (t *hopThread) inHand(unseen uint32) *Inbound {
	if t.current == nil || t.never || len(t.open) != 1 || t.current.unseen != unseen {
		return nil
	}
	return t.current
}

// handlesOne reports whether what the thread does is for the request in its hand.
func (h *Hops) handlesOne(d *Departure) bool {
	switch h.threading(d) {
	case sequential:
		return true
	case requestsOnly:
		return d.Unseen == 0 // else a request that was not seen may have been waiting
	default:
		return false
	}
}

// Serving returns the request that a thread serves, nil if that is not certain.
func (h *Hops) Serving(d *Departure) *Inbound {
	t, ok := h.threads.Peek(d.Thread)
	if !ok {
		return nil
	}
	in := t.inHand(d.Unseen)
	if in == nil || !h.handlesOne(d) {
		return nil
	}
	return in
}
