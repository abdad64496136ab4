//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"os"

	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

type signalRecord struct {
	kernel.Head
	SenderStart uint64
	Sender      uint32
	Signal      int32
	Comm        [16]byte
	SenderComm  [16]byte
}

// signal reports the sender and the receiver of a deadly signal. A fault of the process's own, such as SIGSEGV,
// has it as its own sender.
func (p *process) signal(record []byte, out *emit.Batch) error {
	e, err := kernel.As[signalRecord](record)
	if err != nil {
		return err
	}
	of := out.ProcessOf(&e.Head, kernel.Text(e.Comm[:]))
	sender := out.Table.Lookup(identity.KeyAt(e.Sender, e.SenderStart), 0)
	event := out.Event(semconv.EventProcessSignal, of, out.Clock.Wall(e.Time))
	emit.Warns(event)
	if emit.IsFault(e.Signal) {
		emit.Fails(event)
	}
	attributes := event.Attributes()
	emit.PutLineage(attributes, of, out.Table)
	attributes.PutStr(semconv.SignalName, kernel.SignalName(e.Signal))
	attributes.PutInt(semconv.SignalSenderPID, int64(e.Sender))
	attributes.PutStr(semconv.SignalSenderKey, sender.Text)
	name := sender.Name
	if name == "" {
		name = kernel.Text(e.SenderComm[:])
	}
	emit.PutText(attributes, semconv.SignalSenderName, name)
	event.Body().SetStr(kernel.SignalName(e.Signal) + " from " + name + " to " + of.Name)
	return nil
}

type oomRecord struct {
	kernel.Head
	Total       uint64
	Anon        uint64
	File        uint64
	Shmem       uint64
	CgroupUsage uint64
	CgroupLimit uint64
	Trigger     uint32
	ScoreAdj    int32
	Comm        [16]byte
}

// noLimit is the kernel's PAGE_COUNTER_MAX, about: a cgroup with more than a
// pebibyte has no limit.
const noLimit = 1 << 50

func (p *process) oom(record []byte, out *emit.Batch) error {
	e, err := kernel.As[oomRecord](record)
	if err != nil {
		return err
	}
	page := uint64(os.Getpagesize())
	of := out.ProcessOf(&e.Head, kernel.Text(e.Comm[:]))
	p.oomKilled.Add(of.Key, struct{}{})
	event := out.Event(semconv.EventProcessOOMKill, of, out.Clock.Wall(e.Time))
	emit.Fails(event)
	attributes := event.Attributes()
	emit.PutLineage(attributes, of, out.Table)
	emit.PutText(attributes, semconv.ProcessLinuxCgroup, of.Place.Cgroup)
	attributes.PutInt(semconv.OOMVictimVirtual, int64(e.Total*page))
	attributes.PutInt(semconv.OOMVictimAnon, int64(e.Anon*page))
	attributes.PutInt(semconv.OOMVictimFile, int64(e.File*page))
	attributes.PutInt(semconv.OOMVictimShmem, int64(e.Shmem*page))
	attributes.PutInt(semconv.OOMVictimScoreAdj, int64(e.ScoreAdj))
	attributes.PutInt(semconv.OOMTriggerPID, int64(e.Trigger))
	attributes.PutInt(semconv.OOMCgroupUsage, int64(e.CgroupUsage*page))
	if limit := e.CgroupLimit; limit < noLimit/page {
		attributes.PutInt(semconv.OOMCgroupLimit, int64(limit*page))
	}
	event.Body().SetStr("out of memory: killed " + of.Name)
	return nil
}
