//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// conversation is a connection as a probe knows it: T follows its protocol.
type conversation[T any] struct {
	speaker T
	ends    emit.Endpoints
	of      *identity.Process
	asOf    uint64 // what the table knew when of was looked up
	pid     uint32
	start   uint64
	// The texts of both addresses are made once.
	local, remote string
	encrypted     bool
	check         check
}

func newConversation[T any](r *streamRecord, speaker T) *conversation[T] {
	return &conversation[T]{
		speaker: speaker, ends: r.Ends, encrypted: r.Encrypted != 0,
		local: emit.Address(r.Ends.Local).String(), remote: emit.Address(r.Ends.Remote).String(),
	}
}

// identify finds whose doing the record is: a connection may pass to a child.
func (c *conversation[T]) identify(r *streamRecord, out *emit.Batch) {
	if c.of == nil || c.pid != r.PID || c.start != r.Start || c.asOf != out.Table.Generation() {
		c.of = out.ProcessOf(&r.Head, kernel.Text(r.Comm[:]))
		c.pid, c.start, c.asOf = r.PID, r.Start, out.Table.Generation()
	}
}

// serves takes in that the process answers requests.
func (c *conversation[T]) serves(out *emit.Batch) {
	if now := out.Table.Lasts(c.of); now != c.of {
		c.of, c.asOf = now, out.Table.Generation()
	}
}
