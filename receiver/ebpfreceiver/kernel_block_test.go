// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"golang.org/x/sys/unix"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

// fullDisk is a block device with less space than its size: a sparse
// file on a file system of half a megabyte. Writing to it fails in the device.
func fullDisk(t *testing.T) (device string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it makes a device")
	}
	folder := t.TempDir()
	run := func(name string, args ...string) string {
		output, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			t.Skipf("no device of a file can be had here: %s %v: %s", name, args, output)
		}
		return strings.TrimSpace(string(output))
	}
	run("mount", "-t", "tmpfs", "-o", "size=512k", "tapio-test", folder)
	t.Cleanup(func() { assert.NoError(t, exec.Command("umount", folder).Run()) })
	file := filepath.Join(folder, "disk")
	run("truncate", "-s", "4M", file)
	device = run("losetup", "--find", "--show", file)
	t.Cleanup(func() { assert.NoError(t, exec.Command("losetup", "--detach", device).Run()) })
	return device
}

// errorSeenBy is the error that the program itself got: kernels differ in what they
// make of a device that is full.
func errorSeenBy(t *testing.T, output string) string {
	t.Helper()
	for _, fault := range []syscall.Errno{syscall.ENOSPC, syscall.EIO} {
		if strings.Contains(strings.ToLower(output), fault.Error()) {
			return unix.ErrnoName(fault)
		}
	}
	require.Fail(t, "the device failed in another way", output)
	return ""
}

func TestARequestThatFailsIsReportedAndCounted(t *testing.T) {
	device := fullDisk(t)
	s := onThisKernel(t, func(c *Config) {
		c.Probes = probe.Config{Block: probe.SwitchConfig{Enabled: true}, TCP: c.Probes.TCP, DNS: c.Probes.DNS}
		c.Probes.TCP.Enabled, c.Probes.DNS.Enabled = false, false
	})
	dd := exec.Command("dd", "if=/dev/zero", "of="+device, "bs=64k", "count=32", "oflag=direct")
	dd.Env = append(os.Environ(), "LC_ALL=C")
	output, err := dd.CombinedOutput()
	require.Error(t, err, "the device took more than it has room for")
	fault := errorSeenBy(t, string(output))
	ofDevice := func(record plog.LogRecord) bool {
		got, _ := record.Attributes().Get("system.device")
		return got.Str() == filepath.Base(device)
	}
	failed := s.event(t, "tapio.disk.request_failed", ofDevice)
	assert.Equal(t, plog.SeverityNumberError, failed.SeverityNumber())
	got := failed.Attributes().AsRaw()
	assert.Equal(t, fault, got["error.type"])
	assert.Equal(t, "write", got["tapio.disk.operation"])
	assert.Equal(t, "write", got["disk.io.direction"])
	assert.Positive(t, got["tapio.disk.sector"], "what there was room for came before")
	assert.Positive(t, got["tapio.disk.size"])
	assert.Positive(t, got["tapio.disk.failed_requests"])
	s.grown(t, "tapio.disk.operation.errors", func(attributes map[string]any, metric pmetric.Metric, at int) bool {
		return attributes["system.device"] == filepath.Base(device) && attributes["error.type"] == fault &&
			attributes["tapio.disk.operation"] == "write" && metric.Sum().DataPoints().At(at).IntValue() > 0
	})
}
