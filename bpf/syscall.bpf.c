//go:build ignore

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// How long each system call of each process takes and how often it fails, counted here; calls over a threshold are told
// one by one.
#include "event.h"
#include "histogram.h"

char LICENSE[] SEC("license") = "GPL";

#define KIND_SLOW KIND(PROBE_SYSCALL, 1)
#define CALLS 512

const volatile __u64 slow_ns = 0;	     // 0 for no events
const volatile __u32 own_pid = 0;	     // whose calls are not told: the receiver's
const volatile __u64 waiting[CALLS / 64] = {}; // calls that are slow by nature

struct call {
	__u32 pid;
	__u32 number;
};

struct call_times {
	__u64 start;
	__u64 cgroup;
	__u64 errors;
	struct histogram times;
};

struct slow_record {
	struct record_head head;
	__u64 ns;
	__s64 result;
	__u32 number;
	__u32 thread;
	__u8 comm[16];
};

// A task's call under way. The number is kept because at the exit not every machine has it any more.
struct entry {
	__u64 at;
	__u64 number;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct entry);
} entered SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct call);
	__type(value, struct call_times);
} calls SEC(".maps");

// Calls that found no room in the map.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} overflow SEC(".maps");

static const struct call_times none = {};

SEC("tp_btf/sys_enter")
int BPF_PROG(on_enter, struct pt_regs *regs, long number)
{
	struct entry *entry = bpf_task_storage_get(&entered, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (entry) {
		entry->number = number;
		entry->at = bpf_ktime_get_ns();
	}
	return 0;
}

static __always_inline struct call_times *first_call(struct call *key)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct call_times *times;
	__u32 zero = 0;
	__u64 *missed;

	bpf_map_update_elem(&calls, key, &none, BPF_NOEXIST);
	times = bpf_map_lookup_elem(&calls, key);
	if (times) {
		times->start = start_of(task);
		times->cgroup = cgroup_of(task);
		return times;
	}
	missed = bpf_map_lookup_elem(&overflow, &zero);
	if (missed)
		__sync_fetch_and_add(missed, 1);
	return NULL;
}

static __always_inline bool waits(__u32 number)
{
	return number < CALLS && (waiting[(number / 64) & (CALLS / 64 - 1)] & (1ULL << (number % 64)));
}

static __always_inline void tell(__u32 number, __u64 ns, long result)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct slow_record *record = reserve(KIND_SLOW, sizeof(*record));

	if (!record)
		return;
	fill_head(&record->head, KIND_SLOW, task);
	record->ns = ns;
	record->result = result;
	record->number = number;
	record->thread = bpf_get_current_pid_tgid();
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	submit(KIND_SLOW, record);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_exit, struct pt_regs *regs, long result)
{
	struct entry *entry = bpf_task_storage_get(&entered, bpf_get_current_task_btf(), 0, 0);
	struct call key = {.pid = bpf_get_current_pid_tgid() >> 32};
	struct call_times *times;
	__u64 ns;

	if (!entry || !entry->at)
		return 0;
	ns = bpf_ktime_get_ns() - entry->at;
	entry->at = 0;
	key.number = entry->number;
	times = bpf_map_lookup_elem(&calls, &key);
	if (!times)
		times = first_call(&key);
	if (times) {
		add(&times->times, ns);
		if (result < 0 && result >= -4095)
			__sync_fetch_and_add(&times->errors, 1);
	}
	if (slow_ns && ns >= slow_ns && key.pid != own_pid && !waits(key.number))
		tell(key.number, ns, result);
	return 0;
}
