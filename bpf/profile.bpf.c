//go:build ignore

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// Which stacks threads run, by a clock, and which stacks they are blocked in, and for how long. Samples are added up by thread
// and stacks; user stacks are unwound by frame pointers.
#include "event.h"
#include "stack.h"
#include "thread.h"

char LICENSE[] SEC("license") = "GPL";

// Set by the receiver: how many blocked stacks of a thread, and of all threads of a CPU, are taken within a window before
// one stands for others.
const volatile __u32 exact_of_thread = 16;
const volatile __u32 exact_of_cpu = 16;

#define THREAD_WINDOW 1000000000ULL
#define CPU_WINDOW 100000000ULL
#define MAX_SHIFT 20

enum sample_kind {
	ON_CPU = 0,
	OFF_CPU = 1,
};

struct sample_key {
	__u64 start;
	__u64 cgroup;
	__u64 image; // mm->arg_start: another one after an exec
	__u64 user; // hash of the stack, 0 without one
	__u64 kernel;
	__u32 pid;
	__u32 thread;
	char comm[16];
	__u32 kind;
	__u32 unused;
};

struct sample_sum {
	__u64 count;
	__u64 nanoseconds; // of OFF_CPU
};

#define SAMPLES 8192

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SAMPLES);
	__type(key, struct sample_key);
	__type(value, struct sample_sum);
} samples_even SEC(".maps"), samples_odd SEC(".maps");

// Samples go to one of the two maps while the receiver empties the other one.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sample_generation SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sample_key);
} sample_scratch SEC(".maps");

static __always_inline void add_to(void *map, struct sample_key *key, __u64 count, __u64 nanoseconds)
{
	struct sample_sum *sum = bpf_map_lookup_elem(map, key), fresh = {};

	if (!sum) {
		bpf_map_update_elem(map, key, &fresh, BPF_NOEXIST);
		sum = bpf_map_lookup_elem(map, key);
	}
	if (!sum) {
		count_lost(LOST_SAMPLES, count);
		return;
	}
	__sync_fetch_and_add(&sum->count, count);
	__sync_fetch_and_add(&sum->nanoseconds, nanoseconds);
}

// A sample of a thread that may be serving a request: its place among the records of the other probes says which one.
struct served_sample {
	struct record_head head;
	struct sample_key key;
	struct sample_sum sum;
	__u32 unseen;
	__u32 unused;
};

static __always_inline bool send_served(struct task_struct *task, struct sample_key *key, __u64 count, __u64 nanoseconds)
{
	struct thread_reads *reads = bpf_task_storage_get(&thread_reads, task, 0, 0);
	struct served_sample *sample;

	if (!reads || !reads->serving)
		return false;
	sample = bpf_ringbuf_reserve(&events, sizeof(*sample), 0);
	if (!sample)
		return false;
	sample->head.kind = KIND(PROBE_PROFILE, 1);
	sample->head.pid = key->pid;
	sample->head.start = key->start;
	sample->head.time = bpf_ktime_get_ns();
	sample->head.cgroup = key->cgroup;
	sample->key = *key;
	sample->sum.count = count;
	sample->sum.nanoseconds = nanoseconds;
	sample->unseen = reads->unseen;
	sample->unused = 0;
	submit(KIND(PROBE_PROFILE, 1), sample);
	return true;
}

// A thread that may be serving a request runs: nothing else is reported. If it has the same request in hand as in the record of it
// before, it had so when another profiler sampled it between the two.
struct serving_thread {
	struct record_head head;
	__u32 thread;
	__u32 unseen;
};

static __always_inline void add_sample(struct sample_key *key, __u64 count, __u64 nanoseconds)
{
	__u32 zero = 0, *generation = bpf_map_lookup_elem(&sample_generation, &zero);

	if (generation && *generation & 1)
		add_to(&samples_odd, key, count, nanoseconds);
	else
		add_to(&samples_even, key, count, nanoseconds);
}

// fill_key fills in all of the key, also what pads it.
static __always_inline void fill_key(struct sample_key *key, struct task_struct *task, __u32 kind)
{
	key->start = start_of(task);
	key->cgroup = cgroup_of(task);
	key->image = BPF_CORE_READ(task, mm, arg_start);
	key->pid = BPF_CORE_READ(task, tgid);
	key->thread = BPF_CORE_READ(task, pid);
	bpf_probe_read_kernel(key->comm, sizeof(key->comm), task->comm);
	key->kind = kind;
	key->unused = 0;
}

static __always_inline int sample_clock(struct bpf_perf_event_data *ctx, bool linked)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct sample_key *key;
	__u32 zero = 0;

	if (!task->pid)
		return 0; // idle
	key = bpf_map_lookup_elem(&sample_scratch, &zero);
	if (!key)
		return 0;
	fill_key(key, task, ON_CPU);
	key->kernel = keep_stack(ctx, 0);
	key->user = task->mm ? keep_stack(ctx, BPF_F_USER_STACK) : 0;
	if (!linked || !send_served(task, key, 1, 0))
		add_sample(key, 1, 0);
	return 0;
}

// The clock interrupts; what it interrupts is sampled.
SEC("perf_event")
int on_clock(struct bpf_perf_event_data *ctx)
{
	return sample_clock(ctx, true);
}

// The same where such programs must not know of threads.
SEC("perf_event")
int on_clock_alone(struct bpf_perf_event_data *ctx)
{
	return sample_clock(ctx, false);
}

// The clock that runs beside another profiler's: it shows which threads serve, and unwinds nothing.
SEC("perf_event")
int on_clock_serving(struct bpf_perf_event_data *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct serving_thread *serving;
	struct thread_reads *reads;

	if (!task->pid || !task->mm)
		return 0;
	reads = bpf_task_storage_get(&thread_reads, task, 0, 0);
	if (!reads || !reads->serving)
		return 0;
	serving = bpf_ringbuf_reserve(&events, sizeof(*serving), 0);
	if (!serving)
		return 0;
	fill_head(&serving->head, KIND(PROBE_PROFILE, 2), task);
	serving->thread = BPF_CORE_READ(task, pid);
	serving->unseen = reads->unseen;
	submit(KIND(PROBE_PROFILE, 2), serving);
	return 0;
}

// What is known of a thread that is blocked, and how often it was.
struct blocking {
	__u64 since; // 0 if this time is not sampled
	__u64 window;
	__u32 times; // in the window
	__u32 shift; // this time stands for 2^shift
	struct sample_key key;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct blocking);
} blocked SEC(".maps");

struct budget {
	__u64 window;
	__u32 times;
	__u32 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct budget);
} budgets SEC(".maps");

// shift_at returns by which power of two the n-th time in a window is thinned out. It depends on nothing that is measured, so
// that weighing by it gives estimates without bias.
static __always_inline __u32 shift_at(__u32 n, __u32 exact)
{
	__u32 shift = 0;

	for (shift = 0; shift < MAX_SHIFT && n >= exact; shift++)
		n >>= 1;
	return shift;
}

static __always_inline bool chosen(__u32 shift)
{
	return !shift || !(bpf_get_prandom_u32() & ((1u << shift) - 1));
}

static __always_inline __u32 next_time(__u64 *window, __u32 *times, __u64 length, __u64 now)
{
	if (now - *window >= length) {
		*window = now;
		*times = 0;
	}
	return (*times)++;
}

static __always_inline void block(void *ctx, struct task_struct *task, __u64 now)
{
	struct blocking *of = bpf_task_storage_get(&blocked, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct budget *budget;
	__u32 zero = 0, shift;

	if (!of) {
		count_lost(LOST_THREADS, 1);
		return;
	}
	of->since = 0;
	shift = shift_at(next_time(&of->window, &of->times, THREAD_WINDOW, now), exact_of_thread);
	if (!chosen(shift))
		return;
	of->shift = shift;
	budget = bpf_map_lookup_elem(&budgets, &zero);
	if (!budget)
		return;
	shift = shift_at(next_time(&budget->window, &budget->times, CPU_WINDOW, now), exact_of_cpu);
	if (!chosen(shift))
		return;
	of->shift += shift;
	fill_key(&of->key, task, OFF_CPU);
	of->key.kernel = keep_stack(ctx, 0);
	of->key.user = keep_stack(ctx, BPF_F_USER_STACK);
	of->since = now;
}

static __always_inline void resume(struct task_struct *task, __u64 now)
{
	struct blocking *of = bpf_task_storage_get(&blocked, task, 0, 0);

	if (!of || !of->since)
		return;
	if (!send_served(task, &of->key, 1ULL << of->shift, (now - of->since) << of->shift))
		add_sample(&of->key, 1ULL << of->shift, (now - of->since) << of->shift);
	of->since = 0;
}

#define TASK_DEAD 0x80

static __always_inline __u64 state_of(struct task_struct *task)
{
	if (bpf_core_field_exists(task->__state))
		return task->__state;
	return BPF_CORE_READ((struct task_struct___state *)task, state);
}

// A thread of a program that leaves the CPU though it is not pushed off is blocked until it is back.
SEC("tp_btf/sched_switch")
int BPF_PROG(on_block, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u64 now = bpf_ktime_get_ns(), state = state_of(prev);

	if (!preempt && state && !(state & TASK_DEAD) && prev->mm)
		block(ctx, prev, now);
	if (next->mm)
		resume(next, now);
	return 0;
}
