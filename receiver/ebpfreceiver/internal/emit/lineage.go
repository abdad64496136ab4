//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// PutLineage writes whose child the process is.
func PutLineage(to pcommon.Map, of *identity.Process, table *identity.Table) {
	if of.Parent.PID == 0 {
		return
	}
	to.PutInt(semconv.ProcessParentPID, int64(of.Parent.PID))
	ancestors := table.Ancestors(of)
	keys := to.PutEmptySlice(semconv.ProcessAncestorKeys)
	for _, a := range ancestors {
		keys.AppendEmpty().SetStr(a.Text)
	}
	names := to.PutEmptySlice(semconv.ProcessAncestorNames)
	for _, a := range ancestors {
		names.AppendEmpty().SetStr(a.Name)
	}
}

// ProcessOf returns whose the record is, by the name that the kernel had for it
// if nothing better is known.
func (b *Batch) ProcessOf(h *kernel.Head, comm string) *identity.Process {
	of := b.Table.Lookup(identity.KeyAt(h.PID, h.Start), h.Cgroup)
	if of.Name != "" {
		return of
	}
	return b.Table.Named(of, comm)
}
