//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"

	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// kindRequestFailed is bpf/block.bpf.c's KIND_FAILED.
const kindRequestFailed = uint32(kernel.NumberBlock)<<8 | 1

// deviceFailure is bpf/block.bpf.c's struct of that name.
type deviceFailure struct {
	deviceOperation
	Error int32
}

// failureCount is bpf/block.bpf.c's struct of that name.
type failureCount struct {
	Requests uint64
	Told     uint64
	ToldAt   uint64
}

// failedRecord is bpf/block.bpf.c's struct of that name.
type failedRecord struct {
	kernel.Head
	Failure  deviceFailure
	Sector   uint64
	Requests uint64
	Bytes    uint32
	_        uint32
}

// Decode implements Probe. It is an event of the host: a request that fails may
// have gathered what many wrote, long ago.
func (p *block) Decode(kind uint32, record []byte, out *emit.Batch) error {
	if kind != kindRequestFailed {
		return kernel.ErrUnknownKind
	}
	e, err := kernel.As[failedRecord](record)
	if err != nil {
		return err
	}
	event := out.EventAt(semconv.EventDiskRequestFailed, out.Table.Host(), out.Clock.Wall(e.Time))
	emit.Fails(event)
	attributes, fault := event.Attributes(), blockError(e.Failure.Error)
	p.put(attributes, e.Failure.deviceOperation)
	attributes.PutStr(semconv.ErrorType, fault)
	attributes.PutInt(semconv.DiskFailedRequests, int64(e.Requests))
	attributes.PutInt(semconv.DiskSector, int64(e.Sector))
	attributes.PutInt(semconv.DiskSize, int64(e.Bytes))
	event.Body().SetStr(fmt.Sprintf("%s of %s failed: %s", operationName(e.Failure.Operation), p.device(e.Failure.Major, e.Failure.Minor), fault))
	return nil
}

func (p *block) collectFailures(out *emit.Batch) error {
	var failure deviceFailure
	var count failureCount
	entries := p.failures.Iterate()
	for entries.Next(&failure, &count) {
		failed := out.Count(&p.errors, out.Table.Host())
		failed.SetIntValue(int64(count.Requests))
		p.put(failed.Attributes(), failure.deviceOperation)
		failed.Attributes().PutStr(semconv.ErrorType, blockError(failure.Error))
	}
	return entries.Err()
}

// blockError names the kernel's status of a request as programs know it: by the
// errno that it becomes. Before Linux 5.16 the kernel reported the errno itself.
func blockError(status int32) string {
	if status < 0 {
		return kernel.ErrorName(int64(-status))
	}
	switch status {
	case 1:
		return "EOPNOTSUPP"
	case 2:
		return "ETIMEDOUT"
	case 3:
		return "ENOSPC"
	case 4:
		return "ENOLINK"
	case 5:
		return "EREMOTEIO"
	case 6:
		return "EBADE"
	case 7:
		return "ENODATA"
	case 8:
		return "EILSEQ"
	case 9:
		return "ENOMEM"
	case 12:
		return "EAGAIN"
	case 13:
		return "EBUSY"
	case 15:
		return "ETOOMANYREFS"
	case 16:
		return "EOVERFLOW"
	case 17:
		return "ENODEV"
	case 18:
		return "ETIME"
	case 19:
		return "EINVAL"
	}
	return "EIO"
}
