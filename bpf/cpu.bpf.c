//go:build ignore

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// How long each process ran, and how long its threads stood ready and waited for a CPU.
#include "histogram.h"
#include "program.h"

char LICENSE[] SEC("license") = "GPL";

struct run_sums {
	__u64 on_cpu; // nanoseconds
	struct histogram waits;
};

struct run_times {
	struct program program;
	struct program_info of;
	struct run_sums sums;
};

struct program_runs {
	struct program_info of;
	struct run_sums sums;
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

// Processes that are there, each with its own entry, as a switch of tasks has no time to find out the program.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32); // process
	__type(value, struct run_times);
} runs SEC(".maps");

// Sums of the processes that have ended, by program: when one ends, its entry above is added here and removed.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2048);
	__type(key, struct program);
	__type(value, struct program_runs);
} ended SEC(".maps");

// What found no room in either map, so that nothing goes uncounted.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct run_sums);
} other_runs SEC(".maps");

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

static __always_inline struct run_sums *others(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&other_runs, &zero);
}

static __always_inline struct run_sums *times_of(struct task_struct *task)
{
	__u32 pid = task->tgid;
	struct run_times *times = bpf_map_lookup_elem(&runs, &pid), fresh = {};

	if (times)
		return &times->sums;
	if (!identify_program(&fresh.program, task))
		fresh.program.cgroup = cgroup_of(task);
	describe_program(&fresh.of, task, fresh.program.cgroup);
	bpf_map_update_elem(&runs, &pid, &fresh, BPF_NOEXIST);
	times = bpf_map_lookup_elem(&runs, &pid);
	return times ? &times->sums : others();
}

static __always_inline struct run_sums *sums_of_ended(struct run_times *times)
{
	struct program_runs *sums = bpf_map_lookup_elem(&ended, &times->program), fresh = {};

	if (sums)
		return &sums->sums;
	fresh.of = times->of;
	bpf_map_update_elem(&ended, &times->program, &fresh, BPF_NOEXIST);
	sums = bpf_map_lookup_elem(&ended, &times->program);
	return sums ? &sums->sums : others();
}

static __always_inline void add_sums(struct run_sums *to, struct run_sums *from)
{
	int i;

	__sync_fetch_and_add(&to->on_cpu, from->on_cpu);
	__sync_fetch_and_add(&to->waits.sum, from->waits.sum);
	for (i = 0; i < BUCKETS; i++)
		if (from->waits.buckets[i])
			__sync_fetch_and_add(&to->waits.buckets[i], from->waits.buckets[i]);
}

// end_process adds what a process did to the sums of its program.
static __always_inline void end_process(struct task_struct *task)
{
	__u32 pid = task->tgid;
	struct run_times *times = bpf_map_lookup_elem(&runs, &pid);
	struct run_sums *to;

	if (!times)
		return;
	to = sums_of_ended(times);
	if (to)
		add_sums(to, &times->sums);
	bpf_map_delete_elem(&runs, &pid);
}

// What the process did before it ran another program is that of the program before.
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task)
{
	end_process(task);
	return 0;
}

// The same of a process that is moved to another cgroup.
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_move, struct cgroup *to, const char *path, struct task_struct *task, bool all_threads)
{
	end_process(task);
	return 0;
}

#define TASK_DEAD 0x80

static __always_inline __u64 state_of(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return task->__state;
	return BPF_CORE_READ((struct task_struct___state *)task, state);
}

static __always_inline bool has_ended(struct task_struct *task, __u64 state)
{
	return state & TASK_DEAD && BPF_CORE_READ(task, signal, live.counter) == 0;
}

static __always_inline void leave(struct task_struct *task, __u64 now)
{
	__u32 zero = 0;
	__u64 *since = bpf_map_lookup_elem(&running, &zero);
	struct run_sums *times;

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
	__u64 now = bpf_ktime_get_ns(), state = state_of(prev), *since;
	struct run_sums *times;

	leave(prev, now);
	if (has_ended(prev, state))
		end_process(prev);
	// Who gives way while it could go on stands ready at once.
	if (prev->pid && (preempt || !state))
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

// Without a description of the kernel's types only the task that leaves is known, as it is the current one: its time on the
// CPU is counted, by program, its waits are not.
SEC("raw_tp/sched_switch")
int on_plain_switch(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 now = bpf_ktime_get_ns(), who = bpf_get_current_pid_tgid(), *since;
	struct program_runs *times, fresh = {};
	struct program program = {};
	struct run_sums *sums;
	__u32 zero = 0;

	since = bpf_map_lookup_elem(&running, &zero);
	if (!since)
		return 0;
	if (*since && who >> 32) {
		identify_plain_program(&program);
		times = bpf_map_lookup_elem(&ended, &program);
		if (!times) {
			describe_plain_program(&fresh.of);
			bpf_map_update_elem(&ended, &program, &fresh, BPF_NOEXIST);
			times = bpf_map_lookup_elem(&ended, &program);
		}
		sums = times ? &times->sums : others();
		if (sums)
			__sync_fetch_and_add(&sums->on_cpu, now - *since);
	}
	*since = now;
	return 0;
}
