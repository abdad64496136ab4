// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package profile

import (
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/symbols"
)

func frames(functions ...string) (list []model.Frame) {
	for _, function := range functions {
		list = append(list, model.Frame{Function: function})
	}
	return list
}

func TestTheReasonOfABlockedThread(t *testing.T) {
	for _, test := range []struct {
		reason       string
		kernel, user []string
	}{
		{"lock", []string{"futex_do_wait", "__futex_wait", "do_futex"}, []string{"__lll_lock_wait"}},
		{"idle", []string{"futex_do_wait", "do_futex"}, []string{"runtime.futex", "runtime.mPark", "runtime.stopm"}},
		{"lock", []string{"rwsem_down_write_slowpath", "ext4_file_write_iter"}, nil},
		{"disk", []string{"io_schedule", "folio_wait_bit_common", "filemap_fault"}, nil},
		{"disk", []string{"jbd2_log_wait_commit", "ext4_sync_file"}, nil},
		{"network", []string{"wait_woken", "sk_wait_data", "tcp_recvmsg_locked"}, nil},
		{"network", []string{"inet_csk_accept"}, nil},
		{"poll", []string{"do_epoll_wait"}, nil},
		{"poll", []string{"poll_schedule_timeout.constprop.0", "do_sys_poll"}, nil},
		{"sleep", []string{"do_nanosleep", "hrtimer_nanosleep"}, nil},
		{"pipe", []string{"anon_pipe_read"}, nil},
		{"child", []string{"do_wait", "kernel_wait4"}, nil},
		{"signal", []string{"sigsuspend"}, nil},
		{"other", []string{"something_else"}, nil},
		{"unknown", []string{"", ""}, []string{"main"}},
		{"unknown", nil, []string{"main"}},
	} {
		b := stackBuilder{frames: frames(append(test.kernel, test.user...)...), inner: len(test.kernel)}
		assert.Equal(t, test.reason, b.reason(), "%v", test.kernel)
	}
}

func TestTheSwitchIsNoPartOfTheStack(t *testing.T) {
	assert.Equal(t, frames("futex_do_wait"), withoutSwitch(frames("bpf_prog_x", "__traceiter_sched_switch", "__schedule", "schedule", "futex_do_wait")))
	assert.Equal(t, frames("io_schedule", "bit_wait_io"), withoutSwitch(frames("__schedule", "schedule", "io_schedule", "bit_wait_io")))
	assert.Equal(t, frames("schedule"), withoutSwitch(frames("__schedule", "schedule")))
	assert.Equal(t, frames("", ""), withoutSwitch(frames("", "")), "without symbols nothing is left out")
}

func TestMissingFramesAreMarked(t *testing.T) {
	truncated := model.Frame{Kind: model.FrameTruncated}
	assert.Equal(t, []model.Frame{truncated}, (&stackBuilder{}).finish())
	assert.Equal(t, append(frames("f"), truncated), (&stackBuilder{frames: frames("f"), cut: true}).finish())
	assert.Equal(t, append(frames("f"), truncated), (&stackBuilder{frames: frames("f"), missing: true}).finish())
	assert.Equal(t, frames("f"), (&stackBuilder{frames: frames("f")}).finish())
	for frame, complete := range map[model.Frame]bool{
		{Function: "_start"}: true, {Function: "__libc_start_call_main"}: true, {Function: "start_thread"}: true, {Function: "runtime.goexit"}: true,
		{Mapping: "libc.so.6"}: true, {Mapping: "libz.so.1"}: false, {Function: "deflate"}: false, {}: false,
	} {
		assert.Equal(t, complete, beginsThread(&frame), "%+v", frame)
	}
}

func TestTheMapsGrowWithTheCPUs(t *testing.T) {
	for cpus, want := range map[int][2]uint32{1: {8192, 4096}, 8: {8192, 4096}, 16: {16384, 8192}, 4096: {65536, 16384}} {
		samples, stacks := profileEntries(cpus)
		assert.Equal(t, want, [2]uint32{samples, stacks}, cpus)
	}
}

func TestCPUsAreParsed(t *testing.T) {
	got, err := parseCPUs("0-2,5")
	require.NoError(t, err)
	assert.Equal(t, map[int]bool{0: true, 1: true, 2: true, 5: true}, got)
	for _, bad := range []string{"", "x", "1-", "0-99999", "-1"} {
		_, err := parseCPUs(bad)
		assert.ErrorContains(t, err, "not a list of CPUs", bad)
	}
}

// Without frame pointers what is unwound is data from some frame on: it is left out, as each process has
// other values there.
func TestDataIsNoFrame(t *testing.T) {
	r := symbols.NewResolver("/proc", 1<<20)
	r.Begin(time.Now())
	defer r.End()
	code := uint64(reflect.ValueOf(frames).Pointer())
	b := stackBuilder{limit: 127}
	b.user([]uint64{code, code + 1, 1, 0x336e6f687479702e, code}, r, symbols.Running("/proc", uint32(os.Getpid())))
	require.Len(t, b.finish(), 3, "%v", b.frames)
	assert.Contains(t, b.frames[0].Function, "profile.frames")
	assert.Equal(t, b.frames[0], b.frames[1])
	assert.Equal(t, model.FrameTruncated, b.finish()[2].Kind)

	gone := stackBuilder{limit: 127}
	gone.user([]uint64{code, code}, r, symbols.Process{PID: 1 << 30})
	assert.Equal(t, []model.Frame{{Kind: symbols.KindNative}, {Kind: model.FrameTruncated}}, gone.finish())
}
