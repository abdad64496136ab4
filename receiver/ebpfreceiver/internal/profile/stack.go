//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/symbols"
)

// stackBuilder puts the stack of the kernel on top of that of the program.
type stackBuilder struct {
	limit  int // frames that the kernel unwinds
	frames []model.Frame
	inner  int  // frames of the kernel
	cut    bool // the kernel has unwound no further
	// missing reports that there was a stack which is not known.
	missing bool
}

// kernel adds the frames of the kernel. Those of the switch itself are left out.
func (b *stackBuilder) kernel(addresses []uint64, from *symbols.Resolver, blocked bool) {
	for i, address := range addresses {
		if i > 0 || blocked {
			address-- // the call, not what comes after it
		}
		b.frames = append(b.frames, from.Kernel(address))
	}
	if blocked {
		b.frames = withoutSwitch(b.frames)
	}
	b.inner = len(b.frames)
	b.cut = len(addresses) >= b.limit
}

// withoutSwitch leaves out the frames of the switch itself, so that the innermost one is
// what waits.
func withoutSwitch(frames []model.Frame) []model.Frame {
	at := slices.IndexFunc(frames, func(f model.Frame) bool { return f.Function == "__schedule" })
	for at+1 < len(frames)-1 && slices.Contains([]string{
		"schedule", "schedule_preempt_disabled", "schedule_timeout", "schedule_timeout_interruptible", "schedule_hrtimeout_range",
		"schedule_hrtimeout_range_clock",
	}, frames[at+1].Function) {
		at++
	}
	return frames[at+1:]
}

// user adds the frames of the program.
func (b *stackBuilder) user(addresses []uint64, from *symbols.Resolver, of symbols.Process) {
	for i, address := range addresses {
		if address == 0 {
			break
		}
		if i > 0 {
			address--
		}
		frame := from.User(of, address)
		if i > 0 && isNoCode(&frame) {
			b.cut = true // the program has no frame pointers here: what was read is data
			break
		}
		if i == 0 || frame.Function != "" || frame.BuildID != "" || frame != b.frames[len(b.frames)-1] {
			b.frames = append(b.frames, frame) // one frame stands for several of code without names
		}
	}
	b.cut = b.cut || len(addresses) >= b.limit || len(addresses) > 0 && !beginsThread(&b.frames[len(b.frames)-1])
}

// isNoCode reports whether a frame is in nothing that the process executes, or the process is gone.
func isNoCode(f *model.Frame) bool { return *f == model.Frame{Kind: symbols.KindNative} }

// finish returns the stack, with a mark where a part of it is missing.
func (b *stackBuilder) finish() []model.Frame {
	if b.cut || b.missing || len(b.frames) == 0 {
		return append(b.frames, model.Frame{Kind: model.FrameTruncated})
	}
	return b.frames
}

// beginsThread reports whether a frame is one that threads begin with. If the outermost
// frame is another one, the program has no frame pointers there.
func beginsThread(f *model.Frame) bool {
	if f.Function == "" {
		return f.Mapping == "[vdso]" || slices.ContainsFunc([]string{"libc.so", "libc-", "libpthread", "ld-linux", "ld-musl"}, func(library string) bool {
			return strings.HasPrefix(f.Mapping, library)
		})
	}
	switch f.Function {
	case "_start", "main", "clone", "clone3", "start_thread", "call_main",
		"runtime.goexit", "runtime.mstart", "runtime.rt0_go", "runtime.mcall", "runtime.sigreturn__sigaction", "runtime.gogo", "_rt0_amd64", "_rt0_arm64_linux":
		return true
	}
	name := strings.TrimLeft(f.Function, "_")
	return strings.HasPrefix(name, "libc_start") || strings.HasPrefix(name, "clone") || strings.HasPrefix(f.Function, "runtime.goexit") ||
		strings.HasPrefix(f.Function, "runtime.mstart") || strings.HasPrefix(f.Function, "_rt0_")
}

// Reasons why a thread is blocked, the values of tapio.blocked.reason.
const (
	blockedLock    = "lock"
	blockedDisk    = "disk"
	blockedNetwork = "network"
	blockedPoll    = "poll"
	blockedSleep   = "sleep"
	blockedPipe    = "pipe"
	blockedChild   = "child"
	blockedSignal  = "signal"
	blockedIdle    = "idle"
	blockedOther   = "other"
	blockedUnknown = "unknown"
)

// waitSite are functions of the kernel that wait, by the beginnings of their names.
type waitSite struct {
	reason    string
	functions []string
}

// waitSites are compared in turn with each frame, from the innermost on.
func waitSites() []waitSite {
	return []waitSite{
		{blockedDisk, []string{
			"io_schedule", "blk_", "__bio_", "submit_bio", "folio_wait", "wait_on_page", "wait_on_buffer", "bit_wait_io", "jbd2_", "ext4_", "xfs_",
			"btrfs_", "nfs_", "rpc_wait", "fuse_", "filemap_", "do_fsync", "vfs_fsync", "request_wait_answer", "balance_dirty_pages",
		}},
		{blockedSleep, []string{"do_nanosleep", "hrtimer_nanosleep", "common_nsleep", "msleep"}},
		{blockedPoll, []string{"ep_poll", "do_epoll", "do_poll", "do_sys_poll", "do_select", "core_sys_select", "poll_schedule", "io_cqring_wait"}},
		{blockedNetwork, []string{
			"sk_wait_data", "sk_stream_wait", "tcp_", "udp_", "inet_", "unix_", "__skb_wait", "__skb_recv", "wait_for_packet", "netlink_", "sock_", "inet6_", "vsock_",
		}},
		{blockedPipe, []string{"pipe_", "anon_pipe", "fifo_", "wait_for_partner", "n_tty_", "tty_", "eventfd_", "inotify_"}},
		{blockedChild, []string{"do_wait", "kernel_wait", "kernel_clone", "wait_for_vfork"}},
		{blockedSignal, []string{"sigsuspend", "do_sigtimedwait", "do_signal_stop", "ptrace_", "__do_sys_pause", "sys_pause", "do_jobctl", "get_signal"}},
		{blockedLock, []string{
			"futex_", "__futex", "do_futex", "mutex_", "__mutex", "rwsem_", "down_", "__down", "percpu_", "rt_mutex", "__rt_mutex", "do_semtimedop", "do_msg",
			"locks_lock", "posix_lock", "flock_lock", "fcntl_setlk",
		}},
	}
}

// reason finds why a thread is blocked by where in the kernel it waits. What waits for
// work in Go's scheduler is idle.
func (b *stackBuilder) reason() string {
	named := false
	for _, f := range b.frames[:b.inner] {
		named = named || f.Function != ""
		for _, site := range waitSites() {
			if !hasAnyPrefix(f.Function, site.functions) {
				continue
			}
			if site.reason == blockedLock && b.waitsForWork() {
				return blockedIdle
			}
			return site.reason
		}
	}
	if !named {
		return blockedUnknown
	}
	return blockedOther
}

func (b *stackBuilder) waitsForWork() bool {
	return slices.ContainsFunc(b.frames[b.inner:], func(f model.Frame) bool {
		return f.Function == "runtime.stopm" || f.Function == "runtime.stoplockedm" || f.Function == "runtime.templateThread" ||
			f.Function == "runtime.notetsleepg" || f.Function == "runtime.sysmon"
	})
}

func hasAnyPrefix(text string, list []string) bool {
	return text != "" && slices.ContainsFunc(list, func(prefix string) bool { return strings.HasPrefix(text, prefix) })
}
