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
	KIND_MOVED = KIND(PROBE_PROCESS, 5),
	KIND_ENVIRONMENT = KIND(PROBE_PROCESS, 6),
};

#define FILENAME_MAX 512
#define ARGS_MAX 4096
#define EXE_MAX 128
#define SERVICE_MAX 320
#define ATTRIBUTES_MAX 1280
#define VARIABLES_MAX 512

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
	__u8 exe[EXE_MAX]; // the name of the file that runs: of a script its interpreter, of a link what it leads to
	__u8 text[FILENAME_MAX + ARGS_MAX];
};

// The variables of OpenTelemetry that name a service, sent before the exec of the process that has them. No other
// variable leaves the kernel.
struct environment_record {
	struct record_head head;
	__u8 service[SERVICE_MAX];
	__u8 attributes[ATTRIBUTES_MAX];
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

struct environment_scratch {
	struct environment_record record;
	__u8 variable[512] __attribute__((aligned(8)));
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct environment_scratch);
} environment_scratch SEC(".maps");

// Of a signal that kills; the head is the receiver's.
struct signal_record {
	struct record_head head;
	__u64 sender_start;
	__u32 sender;
	__s32 signal;
	__u8 comm[16];
	__u8 sender_comm[16];
};

// What the OOM killer chose; the head is the victim's. Memory in pages, the cgroup's in bytes or, if it has no limit, 0.
struct oom_record {
	struct record_head head;
	__u64 total;
	__u64 anon;
	__u64 file;
	__u64 shmem;
	__u64 cgroup_usage;
	__u64 cgroup_limit;
	__u32 trigger; // whose allocation did not fit
	__s32 score_adj;
	__u8 comm[16];
};

// Processes, not threads, that were forked, by the cgroup of the parent.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
} forks SEC(".maps");

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

// The names are compared eight bytes at a time: each comparison in the loop costs the verifier.
struct variable_name {
	__u64 first, second, third;
};

#define NAME(a, b, c, d, e, f, g, h)                                                                          \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 |              \
	 (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

static __always_inline bool names_service(const struct variable_name *name)
{
	return name->second == NAME('V', 'I', 'C', 'E', '_', 'N', 'A', 'M') && (name->third & 0xffff) == NAME('E', '=', 0, 0, 0, 0, 0, 0);
}

static __always_inline bool lists_attributes(const struct variable_name *name)
{
	return name->second == NAME('O', 'U', 'R', 'C', 'E', '_', 'A', 'T') && name->third == NAME('T', 'R', 'I', 'B', 'U', 'T', 'E', 'S');
}

// send_environment looks through the variables for those that name the service. A long one is read in pieces, of which
// only the first could be taken for a variable of OpenTelemetry.
static __always_inline void send_environment(struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	unsigned long at = BPF_CORE_READ(mm, env_start), end = BPF_CORE_READ(mm, env_end);
	struct environment_scratch *scratch;
	struct variable_name *name;
	__u32 zero = 0;
	long size;
	int i;

	scratch = bpf_map_lookup_elem(&environment_scratch, &zero);
	if (!scratch)
		return;
	scratch->record.service[0] = scratch->record.attributes[0] = 0;
	name = (void *)scratch->variable;
	for (i = 0; i < VARIABLES_MAX && at < end; i++) {
		size = bpf_probe_read_user_str(scratch->variable, sizeof(scratch->variable), (void *)at);
		if (size <= 0)
			break;
		if (name->first == NAME('O', 'T', 'E', 'L', '_', 'S', 'E', 'R') && names_service(name))
			bpf_probe_read_user_str(scratch->record.service, SERVICE_MAX, (void *)at);
		else if (name->first == NAME('O', 'T', 'E', 'L', '_', 'R', 'E', 'S') && lists_attributes(name))
			bpf_probe_read_user_str(scratch->record.attributes, ATTRIBUTES_MAX, (void *)at);
		at += size == sizeof(scratch->variable) ? size - 1 : size;
	}
	if (!scratch->record.service[0] && !scratch->record.attributes[0])
		return;
	fill_head(&scratch->record.head, KIND_ENVIRONMENT, task);
	send(KIND_ENVIRONMENT, &scratch->record, sizeof(scratch->record));
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
	send_environment(task);
	fill_head(&record->head, KIND_EXEC, task);
	record->parent = BPF_CORE_READ(parent, tgid);
	record->parent_start = start_of(parent);
	record->uid = BPF_CORE_READ(task, cred, uid.val);
	record->exe[0] = 0;
	bpf_probe_read_kernel_str(record->exe, EXE_MAX, BPF_CORE_READ(task, mm, exe_file, f_path.dentry, d_name.name));
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

// The last thread to go takes the process with it. Two that go at once may both see that none is left, and both report:
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

// What these do by default is not to kill: SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH.
#define HARMLESS ((1ULL << 17) | (1ULL << 18) | (1ULL << 19) | (1ULL << 20) | (1ULL << 21) | (1ULL << 22) | \
		  (1ULL << 23) | (1ULL << 28))
#define SIGKILL 9

static __always_inline bool kills(int signal, struct task_struct *task)
{
	void *action, *handler = NULL;
	struct sighand_struct *hand = BPF_CORE_READ(task, sighand);

	if (signal == SIGKILL)
		return true;
	if (signal < 1 || signal > 64 || (signal < 64 && (HARMLESS & (1ULL << signal))))
		return false;
	// The size of an element is the running kernel's, not that of our excerpt.
	action = (void *)hand + bpf_core_field_offset(struct sighand_struct, action) +
		 (signal - 1) * bpf_core_type_size(struct k_sigaction) + bpf_core_field_offset(struct k_sigaction, sa.sa_handler);
	return bpf_probe_read_kernel(&handler, sizeof(handler), action) == 0 && handler == NULL;
}

SEC("tp_btf/signal_generate")
int BPF_PROG(on_signal, int signal, void *info, struct task_struct *task, int group, int result)
{
	struct task_struct *sender = (struct task_struct *)bpf_get_current_task();
	struct signal_record *record;

	if (result != 0 || !kills(signal, task))
		return 0;
	record = reserve(KIND_SIGNAL, sizeof(*record));
	if (!record)
		return 0;
	fill_head(&record->head, KIND_SIGNAL, task);
	record->sender = BPF_CORE_READ(sender, tgid);
	record->sender_start = start_of(sender);
	record->signal = signal;
	bpf_probe_read_kernel_str(record->comm, sizeof(record->comm), BPF_CORE_READ(task, group_leader, comm));
	bpf_probe_read_kernel_str(record->sender_comm, sizeof(record->sender_comm), BPF_CORE_READ(sender, group_leader, comm));
	submit(KIND_SIGNAL, record);
	return 0;
}

#define RSS(mm, n) ({									\
	__s64 pages;									\
	if (bpf_core_type_exists(struct mm_rss_stat))					\
		pages = BPF_CORE_READ((struct mm_struct___counted *)(mm), rss_stat.count[n].counter); \
	else										\
		pages = BPF_CORE_READ(mm, rss_stat[n].count);				\
	pages < 0 ? 0 : pages;								\
})

static __always_inline void fill_limit(struct oom_record *record, struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct cgroup_subsys_state *state = NULL;
	struct mem_cgroup *memory;

	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return;
	bpf_core_read(&state, sizeof(state), &set->subsys[bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id)]);
	memory = (struct mem_cgroup *)state; // whose first member it is
	record->cgroup_usage = BPF_CORE_READ(memory, memory.usage.counter);
	record->cgroup_limit = BPF_CORE_READ(memory, memory.max);
}

static __always_inline int on_victim(struct task_struct *task)
{
	struct oom_record *record = reserve(KIND_OOM, sizeof(*record));
	struct mm_struct *mm;

	if (!record)
		return 0;
	fill_head(&record->head, KIND_OOM, task);
	mm = BPF_CORE_READ(task, mm);
	record->total = BPF_CORE_READ(mm, total_vm);
	record->file = RSS(mm, 0);
	record->anon = RSS(mm, 1);
	record->shmem = RSS(mm, 3);
	record->cgroup_usage = record->cgroup_limit = 0;
	fill_limit(record, task);
	record->trigger = bpf_get_current_pid_tgid() >> 32;
	record->score_adj = BPF_CORE_READ(task, signal, oom_score_adj);
	bpf_probe_read_kernel_str(record->comm, sizeof(record->comm), BPF_CORE_READ(task, group_leader, comm));
	submit(KIND_OOM, record);
	return 0;
}

// Linux 6.8 and later say which task; reading a field of it lets an older kernel refuse this program.
SEC("tp_btf/mark_victim")
int BPF_PROG(on_oom, struct task_struct *task)
{
	return task->tgid ? on_victim(task) : 0;
}

// A process that was moved to another cgroup belongs there from now on, exec or not. For v1 there is an event for each hierarchy; the
// others than cgroup_of's change nothing.
SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(on_move, struct cgroup *to, const char *path, struct task_struct *task)
{
	__u64 id = BPF_CORE_READ(to, kn, id);
	struct record_head *head;

	if (BPF_CORE_READ(task, pid) != BPF_CORE_READ(task, tgid) || (cgroup_of(task) & ~V1_CGROUP) != id)
		return 0;
	head = reserve(KIND_MOVED, sizeof(*head));
	if (!head)
		return 0;
	fill_head(head, KIND_MOVED, task);
	submit(KIND_MOVED, head);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	__u64 cgroup, one = 1, *forked;

	if (BPF_CORE_READ(child, pid) != BPF_CORE_READ(child, tgid))
		return 0;
	cgroup = cgroup_of(parent);
	forked = bpf_map_lookup_elem(&forks, &cgroup);
	if (forked)
		__sync_fetch_and_add(forked, 1);
	else
		bpf_map_update_elem(&forks, &cgroup, &one, BPF_NOEXIST);
	return 0;
}
