// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// What every program shares: the one ring buffer, the account of what went into it, and the head of each record. The
// loader replaces the maps named here by those of the receiver, so all programs write to the same ones.
#pragma once

#include "kernel.h"

// The kinds of record; internal/probe dispatches on them. The high byte is the probe, and each probe counts in its own
// slot of the account.
#define KIND(probe, n) (((probe) << 8) | (n))
#define PROBE_OF(kind) ((kind) >> 8)

enum probe_number {
	PROBE_TEST = 0,
	PROBE_PROCESS = 1,
	PROBE_SYSCALL = 2,
	PROBE_CPU = 3,
	PROBE_BLOCK = 4,
	PROBE_FILE = 5,
	PROBE_TCP = 6,
	PROBE_HTTP = 7,
	PROBE_DNS = 8,
	PROBE_TLS = 9,
	PROBE_REDIS = 10,
	PROBE_POSTGRESQL = 11,
	PROBE_PROFILE = 12,
	PROBES = 16, // the slots of the account
};

// The head of each record: whose doing it was, and when. start and time are nanoseconds since boot with and without
// suspend: start_boottime, as /proc/PID/stat has it, names a process together with its id for as long as the host runs.
struct record_head {
	__u32 kind;
	__u32 pid; // thread group id, as everybody outside the kernel means it
	__u64 start;
	__u64 time;
	__u64 cgroup; // id of the cgroup that names the container, see cgroup_of
};

struct account {
	__u64 sent;
	__u64 lost; // the ring buffer was full
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PROBES);
	__type(key, __u32);
	__type(value, struct account);
} accounts SEC(".maps");

static __always_inline void count(__u32 kind, bool sent)
{
	__u32 probe = PROBE_OF(kind);
	struct account *account = bpf_map_lookup_elem(&accounts, &probe);

	if (!account)
		return;
	if (sent)
		account->sent++;
	else
		account->lost++;
}

// reserve returns room for a record, or NULL after counting the loss. Wherever it gave room, submit must follow.
static __always_inline void *reserve(__u32 kind, __u64 size)
{
	void *room = bpf_ringbuf_reserve(&events, size, 0);

	if (!room)
		count(kind, false);
	return room;
}

// submit does not wake the reader: a wake-up costs a hundred times what the record does, and the reader looks by itself.
static __always_inline void submit(__u32 kind, void *record)
{
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	count(kind, true);
}

// send copies a record whose size the verifier cannot know, and reports whether there was room for it.
static __always_inline bool send(__u32 kind, void *record, __u64 size)
{
	bool sent = bpf_ringbuf_output(&events, record, size, BPF_RB_NO_WAKEUP) == 0;

	count(kind, sent);
	return sent;
}

// Ids of different hierarchies are alike, so those of v1 are marked; internal/identity has the same bit.
#define V1_CGROUP (1ULL << 63)

// On a v2 host all tasks of a container are in its cgroup. With v1 each controller has a tree of its own, and container
// engines always use that of memory; for processes in its root v2 is used, if it is there as well.
static __always_inline __u64 cgroup_of(struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct cgroup *unified = BPF_CORE_READ(set, dfl_cgrp), *old;
	struct cgroup_subsys_state *state;

	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return BPF_CORE_READ(unified, kn, id);
	bpf_core_read(&state, sizeof(state), &set->subsys[bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id)]);
	old = BPF_CORE_READ(state, cgroup);
	if (BPF_CORE_READ(old, root) == BPF_CORE_READ(unified, root) || BPF_CORE_READ(old, level) == 0)
		return BPF_CORE_READ(unified, kn, id);
	return BPF_CORE_READ(old, kn, id) | V1_CGROUP;
}

// The same of the current task, by loads that the verifier checks instead of calls of helpers. Set by the receiver: whether
// the memory controller has a hierarchy of its own here, by that of v1.
const volatile bool v1_memory = true;

static __always_inline __u64 current_cgroup(struct task_struct *task)
{
	if (v1_memory)
		return cgroup_of(task);
	return task->cgroups->dfl_cgrp->kn->id;
}

// The start of the process, not of the thread.
static __always_inline __u64 start_of(struct task_struct *task)
{
	return BPF_CORE_READ(task, group_leader, start_boottime);
}

static __always_inline void fill_head(struct record_head *head, __u32 kind, struct task_struct *task)
{
	head->kind = kind;
	head->pid = BPF_CORE_READ(task, tgid);
	head->start = start_of(task);
	head->time = bpf_ktime_get_ns();
	head->cgroup = cgroup_of(task);
}

// Of kernels that do not describe their types only the cgroup of v2 is known. In the root of v2 is everybody where v1
// names the containers: 0 lets the receiver ask /proc.
static __always_inline __u64 plain_cgroup(void)
{
	__u64 id = bpf_get_current_cgroup_id();

	return id > 1 ? id : 0;
}

// Of such kernels: who it is, but not since when; the receiver asks /proc.
static __always_inline void fill_plain_head(struct record_head *head, __u32 kind)
{
	head->kind = kind;
	head->pid = bpf_get_current_pid_tgid() >> 32;
	head->start = 0;
	head->time = bpf_ktime_get_ns();
	head->cgroup = plain_cgroup();
}
