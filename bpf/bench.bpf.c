//go:build ignore

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// For tests and benchmarks: one record of 64 bytes for each system call of one number that one process makes, so that
// they know how many there must be.
#include "event.h"

char LICENSE[] SEC("license") = "GPL";

#define KIND_BENCH KIND(PROBE_TEST, 1)

const volatile __u32 target = 0;
const volatile __u32 number = 0;

struct bench_record {
	struct record_head head;
	__u64 payload[3];
};

SEC("tp_btf/sys_enter")
int BPF_PROG(on_bench, void *regs, long called)
{
	struct task_struct *task;
	struct bench_record *record;

	if (called != number || bpf_get_current_pid_tgid() >> 32 != target)
		return 0;
	record = reserve(KIND_BENCH, sizeof(*record));
	if (!record)
		return 0;
	task = (struct task_struct *)bpf_get_current_task();
	fill_head(&record->head, KIND_BENCH, task);
	record->payload[0] = called;
	record->payload[1] = record->payload[2] = 0;
	submit(KIND_BENCH, record);
	return 0;
}

// What there is to pay before a program does anything: one at each end of a call, empty, and then with the clock read.
SEC("tp_btf/sys_enter")
int BPF_PROG(on_empty_enter, void *regs, long called)
{
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_empty_exit, void *regs, long result)
{
	return 0;
}

// The same at the other hooks that a request to a server passes.
SEC("tp_btf/sched_switch")
int BPF_PROG(on_empty_switch)
{
	return 0;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_empty_wakeup)
{
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_empty_send)
{
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_empty_receive)
{
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} clock SEC(".maps");

static __always_inline int read_clock(void)
{
	__u32 zero = 0;
	__u64 *to = bpf_map_lookup_elem(&clock, &zero);

	if (to)
		*to = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_clocked_enter, void *regs, long called)
{
	return read_clock();
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_clocked_exit, void *regs, long result)
{
	return read_clock();
}
