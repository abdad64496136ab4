//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tapio/tapio/bpf"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

type deviceOperation struct {
	Major     uint32
	Minor     uint32
	Operation uint32
}

type blockTimes struct {
	Bytes uint64
	Times emit.Histogram
}

type block struct {
	devices  *ebpf.Map
	failures *ebpf.Map
	names    map[[2]uint32]string
	duration emit.Metric
	size     emit.Metric
	errors   emit.Metric
}

func newBlock() *block {
	return &block{
		names: map[[2]uint32]string{},
		duration: emit.Metric{
			Name: semconv.MetricDiskOperationDuration, Unit: "s",
			Description: "How long a block device took, from when it got a request to when it was done, by device and operation.",
		},
		size:   emit.Metric{Name: semconv.MetricDiskOperationIO, Unit: "By", Description: "Bytes of requests that were done, by device and operation."},
		errors: emit.Metric{Name: semconv.MetricDiskOperationErrors, Unit: "{request}", Description: "Requests that failed, by device, operation and error."},
	}
}

func (*block) Name() string          { return "block" }
func (*block) Number() kernel.Number { return kernel.NumberBlock }

// Attach implements Probe.
func (p *block) Attach(k *kernel.Kernel) []kernel.Gap {
	spec, err := bpf.LoadBlock()
	if err != nil {
		return []kernel.Gap{{Probe: p.Name(), Feature: "all", Reason: kernel.Refused, Err: err}}
	}
	loaded, gaps := k.Load(p.Name(), spec, []kernel.Feature{{Name: "requests", Ways: [][]string{{bpf.BlockProgOnIssue, bpf.BlockProgOnComplete}}}})
	if len(gaps) == 0 {
		p.devices, p.failures = loaded.Maps[bpf.BlockMapDevices], loaded.Maps[bpf.BlockMapFailures]
	}
	return gaps
}

// Collect implements Probe.
func (p *block) Collect(out *emit.Batch) error {
	if p.devices == nil {
		return nil
	}
	var what deviceOperation
	var times blockTimes
	entries := p.devices.Iterate()
	for entries.Next(&what, &times) {
		point := out.Exponential(&p.duration, out.Table.Host(), &times.Times)
		p.put(point.Attributes(), what)
		bytes := out.Count(&p.size, out.Table.Host())
		bytes.SetIntValue(int64(times.Bytes))
		p.put(bytes.Attributes(), what)
	}
	return errors.Join(entries.Err(), p.collectFailures(out))
}

func (p *block) put(to pcommon.Map, what deviceOperation) {
	to.PutStr(semconv.SystemDevice, p.device(what.Major, what.Minor))
	operation := operationName(what.Operation)
	to.PutStr(semconv.DiskOperation, operation)
	if operation == "read" || operation == "write" {
		to.PutStr(semconv.DiskIODirection, operation)
	}
}

// operationName knows the kernel's req_op.
func operationName(n uint32) string {
	switch n {
	case 0:
		return "read"
	case 1:
		return "write"
	case 2:
		return "flush"
	case 3:
		return "discard"
	}
	return "other"
}

// device returns sda for 8:0.
func (p *block) device(major, minor uint32) string {
	key := [2]uint32{major, minor}
	if name, ok := p.names[key]; ok {
		return name
	}
	number := fmt.Sprintf("%d:%d", major, minor)
	name := number
	if target, err := os.Readlink("/sys/dev/block/" + number); err == nil {
		name = filepath.Base(target)
	}
	p.names[key] = name
	return name
}
