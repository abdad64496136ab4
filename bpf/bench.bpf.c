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
