// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// A thread that exits never returns from that call. The next thread of the same ID must not
// end it: it would seem to have taken since then. Where IDs are few they wrap within minutes.
func TestACallThatNeverReturnsIsNotThatOfTheNextThreadOfTheSameID(t *testing.T) {
	s := onThisKernel(t, func(c *Config) {
		c.Probes.Syscall.SlowThreshold = 50 * time.Millisecond
		c.Probes.Syscall.Waiting = nil
	})
	for range 20 { // another program may take the ID first
		first := exec.Command("true")
		require.NoError(t, first.Run())
		require.NoError(t, exec.Command("sleep", "0.1").Run())
		id := first.Process.Pid
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(id-1)), 0o600); err != nil {
			t.Skip("IDs of processes cannot be chosen here: ", err)
		}
		second := exec.Command("sleep", "0.1")
		require.NoError(t, second.Run())
		if second.Process.Pid != id {
			continue
		}
		name := func(record plog.LogRecord) string { return record.Attributes().AsRaw()["tapio.syscall.name"].(string) }
		s.event(t, "tapio.syscall.slow", func(record plog.LogRecord) bool {
			return ofPID(id)(record) && strings.Contains(name(record), "nanosleep")
		})
		s.eachEvent(func(_ map[string]any, record plog.LogRecord) {
			if record.EventName() == "tapio.syscall.slow" && ofPID(id)(record) {
				assert.NotContains(t, name(record), "exit")
			}
		})
		return
	}
	t.Skip("other programs took each ID first")
}
