//go:build ignore

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// How long each process ran, and how long its threads stood ready and waited for a CPU.
#include "event.h"
#include "histogram.h"

char LICENSE[] SEC("license") = "GPL";

struct run_times {
	__u64 start;
	__u64 cgroup;
	__u64 on_cpu; // nanoseconds
	struct histogram waits;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} ready SEC(".maps");

// Since when the task that is on this CPU has been there.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} running SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32); // process
	__type(value, struct run_times);
} runs SEC(".maps");

// Switches that found no room in the map.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} overflow SEC(".maps");

static const struct run_times none = {};

static __always_inline void stand_ready(struct task_struct *task, __u64 now)
{
	__u64 *since = bpf_task_storage_get(&ready, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (since)
		*since = now;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(on_wakeup, struct task_struct *task)
{
	stand_ready(task, bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(on_wakeup_new, struct task_struct *task)
{
	stand_ready(task, bpf_ktime_get_ns());
	return 0;
}

static __always_inline void missed(void)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&overflow, &zero);

	if (n)
		__sync_fetch_and_add(n, 1);
}

static __always_inline struct run_times *times_of(struct task_struct *task)
{
	__u32 pid = task->tgid;
	struct run_times *times = bpf_map_lookup_elem(&runs, &pid);

	if (times)
		return times;
	bpf_map_update_elem(&runs, &pid, &none, BPF_NOEXIST);
	times = bpf_map_lookup_elem(&runs, &pid);
	if (times) {
		times->start = start_of(task);
		times->cgroup = cgroup_of(task);
		return times;
	}
	missed();
	return NULL;
}

static __always_inline bool is_ready(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return BPF_CORE_READ(task, __state) == 0;
	return BPF_CORE_READ((struct task_struct___state *)task, state) == 0;
}

static __always_inline void leave(struct task_struct *task, __u64 now)
{
	__u32 zero = 0;
	__u64 *since = bpf_map_lookup_elem(&running, &zero);
	struct run_times *times;

	if (!since)
		return;
	if (*since && task->pid) {
		times = times_of(task);
		if (times)
			__sync_fetch_and_add(&times->on_cpu, now - *since);
	}
	*since = now;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u64 now = bpf_ktime_get_ns(), *since;
	struct run_times *times;

	leave(prev, now);
	// Who gives way while it could go on stands ready at once.
	if (prev->pid && (preempt || is_ready(prev)))
		stand_ready(prev, now);
	if (!next->pid)
		return 0;
	since = bpf_task_storage_get(&ready, next, 0, 0);
	if (!since || !*since)
		return 0;
	times = times_of(next);
	if (times)
		add(&times->waits, now - *since);
	*since = 0;
	return 0;
}

// Without a description of the kernel's types only the task that leaves is known, for it is the current one: its time on
// the CPU is counted, its waits are not.
SEC("raw_tp/sched_switch")
int on_plain_switch(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 now = bpf_ktime_get_ns(), who = bpf_get_current_pid_tgid(), *since;
	__u32 pid = who >> 32, zero = 0;
	struct run_times *times;

	since = bpf_map_lookup_elem(&running, &zero);
	if (!since)
		return 0;
	if (*since && pid) {
		times = bpf_map_lookup_elem(&runs, &pid);
		if (!times) {
			bpf_map_update_elem(&runs, &pid, &none, BPF_NOEXIST);
			times = bpf_map_lookup_elem(&runs, &pid);
			if (times)
				times->cgroup = plain_cgroup();
		}
		if (times)
			__sync_fetch_and_add(&times->on_cpu, now - *since);
		else
			missed();
	}
	*since = now;
	return 0;
}
