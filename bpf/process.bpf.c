//go:build ignore

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// Life and death of processes: exec, exit, signals that kill, the OOM killer, and how many were forked.
#include "event.h"

char LICENSE[] SEC("license") = "GPL";

enum process_kind {
	KIND_EXEC = KIND(PROBE_PROCESS, 1),
	KIND_EXIT = KIND(PROBE_PROCESS, 2),
	KIND_SIGNAL = KIND(PROBE_PROCESS, 3),
	KIND_OOM = KIND(PROBE_PROCESS, 4),
};

#define FILENAME_MAX 512
#define ARGS_MAX 4096

// Bytes of arguments that are read, set by the receiver: 0 to ARGS_MAX.
const volatile __u32 args_limit = 1024;

// Text follows: the file name with its final zero, then the arguments, each with its zero.
struct exec_record {
	struct record_head head;
	__u64 parent_start;
	__u32 parent;
	__u32 uid;
	__u32 args_total; // as long as they are in truth
	__u16 filename_size;
	__u16 args_size;
	__u8 text[FILENAME_MAX + ARGS_MAX];
};

struct exit_record {
	struct record_head head;
	__u64 parent_start;
	__u32 parent;
	__u32 uid;
	__s32 code; // as wait(2) has it
	__u32 unused;
	__u8 comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec_record);
} exec_scratch SEC(".maps");

// bpf2go makes Go types of what a global mentions.
const struct exec_record *unused_exec __attribute__((unused));
const struct exit_record *unused_exit __attribute__((unused));

static __always_inline __u32 read_args(struct exec_record *record, __u32 at, struct mm_struct *mm)
{
	unsigned long from = BPF_CORE_READ(mm, arg_start), to = BPF_CORE_READ(mm, arg_end);
	__u32 size = to - from;

	record->args_total = size;
	if (size > args_limit)
		size = args_limit;
	if (size > ARGS_MAX || at > FILENAME_MAX || bpf_probe_read_user(record->text + at, size, (void *)from))
		return 0;
	return size;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct task_struct *parent = BPF_CORE_READ(task, real_parent);
	__u32 zero = 0, size;
	struct exec_record *record = bpf_map_lookup_elem(&exec_scratch, &zero);
	long named;

	if (!record)
		return 0;
	fill_head(&record->head, KIND_EXEC, task);
	record->parent = BPF_CORE_READ(parent, tgid);
	record->parent_start = start_of(parent);
	record->uid = BPF_CORE_READ(task, cred, uid.val);
	named = bpf_probe_read_kernel_str(record->text, FILENAME_MAX, BPF_CORE_READ(bprm, filename));
	if (named < 0 || named > FILENAME_MAX)
		named = 0;
	record->filename_size = named;
	record->args_size = read_args(record, named, BPF_CORE_READ(task, mm));
	size = offsetof(struct exec_record, text) + record->filename_size + record->args_size;
	if (size <= sizeof(*record))
		send(KIND_EXEC, record, size);
	return 0;
}

// The last thread to go takes the process with it. Two that go at once may both see that none is left, and both tell:
// the receiver takes the first.
SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct task_struct *parent;
	struct exit_record *record;
	int code;

	if (BPF_CORE_READ(task, signal, live.counter) != 0)
		return 0;
	record = reserve(KIND_EXIT, sizeof(*record));
	if (!record)
		return 0;
	fill_head(&record->head, KIND_EXIT, task);
	parent = BPF_CORE_READ(task, real_parent);
	record->parent = BPF_CORE_READ(parent, tgid);
	record->parent_start = start_of(parent);
	record->uid = BPF_CORE_READ(task, cred, uid.val);
	code = BPF_CORE_READ(task, signal, group_exit_code);
	record->code = code ? code : BPF_CORE_READ(task, exit_code);
	record->unused = 0;
	bpf_probe_read_kernel_str(record->comm, sizeof(record->comm), BPF_CORE_READ(task, group_leader, comm));
	submit(KIND_EXIT, record);
	return 0;
}
