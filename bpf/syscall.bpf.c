//go:build ignore

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// How long each system call of each program takes and how often it fails, counted here; calls over a threshold are reported
// one by one. Reading the clock and finding the histogram cost more than many a call does, so where a CPU makes more of
// them than it has a budget for, one of several is timed and stands for the others.
#include "event.h"
#include "histogram.h"
#include "program.h"

char LICENSE[] SEC("license") = "GPL";

#define CALLS 512
#define KIND_SLOW KIND(PROBE_SYSCALL, 1)

const volatile __u64 slow_ns = 0;	     // 0 for no events
const volatile __u32 own_pid = 0;	     // whose calls are not reported: the receiver's
const volatile __u64 waiting[CALLS / 64] = {}; // calls that are slow by nature
const volatile __u32 exit_call = CALLS;	     // the two that never return, and so never end
const volatile __u32 exit_group_call = CALLS;
const volatile __u64 tick_ns = 4000000;	     // between two steps of the kernel's coarse clock
const volatile __u64 price_ns = 0;	     // what timing a call takes of the budget, which grows by 1 a nanosecond
const volatile __u32 one_in = 1;	     // calls one of which is timed without a budget, a power of two

#define BUDGET_NS 1000000000ULL // the most that a CPU saves up for a burst

// Calls that go on over so many ticks are counted each for itself, timed or not: few can be so long, and one that stood
// for sixteen others would spoil the sum.
#define LASTING 4

struct call {
	struct program program;
	__u32 number;
	__u32 unused;
};

struct call_times {
	struct program_info of;
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

// When each thread's call under way began. A slot is found by the thread's id, which costs a tenth of what storage of the
// task does. Threads whose ids are 65,536 apart share one; the thread that begins a call takes it.
#define SLOTS 65536

struct slot {
	__u64 at; // 0: the clock was not read
	__u32 ticks; // of the coarse clock, which costs nothing
	__u32 thread; // 0: free
	__u32 number;
	__u32 weight; // how many calls this one stands for; 0 if another one does for it
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

// Those whose slot was taken, until they end. Of a thread that exec ended meanwhile nobody asks any more, so the oldest go.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct slot);
} crowded SEC(".maps");

// What a CPU may still spend on timing its calls, and what it did. Nothing here is atomic: if one call breaks into
// another's, it is still as likely as any other to be the one that is timed.
struct budget {
	__u64 left;
	__u64 timed;
	__u64 passed; // calls that another one stands for
	__u32 ticks; // when it last grew
	__u32 run; // calls since there was a budget for each
	__u32 pick; // which of the next one_in is timed
	__u32 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct budget);
} budgets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct call);
	__type(value, struct call_times);
} calls SEC(".maps");

// Calls of the programs that found no room in the map, by their number: no call goes uncounted.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CALLS + 1);
	__type(key, __u32);
	__type(value, struct call_times);
} other_calls SEC(".maps");

// An odd factor leaves each id of 65,536 a slot of its own, and neighbours, which are often threads of one process, far
// from each other: in one line of the cache they would wait for each other.
static __always_inline struct slot *slot_of(__u32 thread)
{
	__u32 at = (thread * 40503) & (SLOTS - 1);

	return bpf_map_lookup_elem(&slots, &at);
}

static __always_inline void grow(struct budget *budget, __u32 now)
{
	budget->left += (__u64)(now - budget->ticks) * tick_ns;
	if (budget->left > BUDGET_NS)
		budget->left = BUDGET_NS;
	budget->ticks = now;
}

// weigh says how many calls the one that begins shall stand for. Without a budget it is one of each one_in, at a place
// that is drawn again for each: whatever the pattern of the calls, each has the same chance.
static __always_inline __u32 weigh(__u32 now)
{
	__u32 zero = 0, at;
	struct budget *budget = bpf_map_lookup_elem(&budgets, &zero);

	if (!budget)
		return 1;
	if (budget->ticks != now)
		grow(budget, now);
	if (budget->left >= price_ns) {
		budget->left -= price_ns;
		budget->timed++;
		return 1;
	}
	at = budget->run++ & (one_in - 1);
	if (at == 0)
		budget->pick = bpf_get_prandom_u32() & (one_in - 1);
	if (at == budget->pick) {
		budget->timed++;
		return one_in;
	}
	budget->passed++;
	return 0;
}

static __always_inline void begin(__u32 number)
{
	__u32 thread = bpf_get_current_pid_tgid(), now = bpf_jiffies64(), weight;
	struct slot *slot = slot_of(thread), other;

	// What was kept of them would be the first call that a later thread of the same id ends.
	if (!slot || number == exit_call || number == exit_group_call)
		return;
	if (slot->thread && slot->thread != thread) {
		other = *slot;
		bpf_map_update_elem(&crowded, &other.thread, &other, BPF_ANY);
	}
	weight = weigh(now);
	slot->thread = thread;
	slot->number = number;
	slot->ticks = now;
	slot->weight = weight;
	slot->at = weight ? bpf_ktime_get_ns() : 0;
}

// take finds the thread's call under way; there is none if it began before there was a program to see it.
static __always_inline bool take(__u32 thread, struct slot *call)
{
	struct slot *slot = slot_of(thread), *other;

	if (slot && slot->thread == thread) {
		*call = *slot;
		slot->thread = 0;
		return true;
	}
	other = bpf_map_lookup_elem(&crowded, &thread);
	if (!other)
		return false;
	*call = *other;
	bpf_map_delete_elem(&crowded, &thread);
	return true;
}

// A program's first call makes the entry. The value is on the stack: a call under way on another CPU may not see half of it.
static __always_inline struct call_times *first_call(struct call *key, bool typed)
{
	struct call_times fresh = {};

	if (typed)
		describe_program(&fresh.of, bpf_get_current_task_btf(), key->program.cgroup);
	else
		describe_plain_program(&fresh.of);
	bpf_map_update_elem(&calls, key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&calls, key);
}

static __always_inline struct call_times *times_of(__u32 number, bool typed)
{
	struct call key = {};
	struct call_times *times;

	if (number > CALLS)
		number = CALLS; // there is no such call, and numbers that are made up must not fill the map
	key.number = number;
	if (!typed)
		identify_plain_program(&key.program);
	else if (!identify_program(&key.program, (struct task_struct *)bpf_get_current_task_btf()))
		return bpf_map_lookup_elem(&other_calls, &number);
	times = bpf_map_lookup_elem(&calls, &key);
	if (!times)
		times = first_call(&key, typed);
	return times ? times : bpf_map_lookup_elem(&other_calls, &number);
}

// The compiler knows that the word is one of the array's and leaves the mask out; the verifiers of older kernels (6.1) do
// not see it, so the compiler must not know it either.
static __always_inline bool waits(__u32 number)
{
	__u32 word = number / 64;

	if (number >= CALLS)
		return false;
	barrier_var(word);
	return waiting[word & (CALLS / 64 - 1)] & (1ULL << (number % 64));
}

static __always_inline void tell(__u32 number, __u64 ns, long result, bool typed)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct slow_record *record = reserve(KIND_SLOW, sizeof(*record));

	if (!record)
		return;
	if (typed)
		fill_head(&record->head, KIND_SLOW, task);
	else
		fill_plain_head(&record->head, KIND_SLOW);
	record->ns = ns;
	record->result = result;
	record->number = number;
	record->thread = bpf_get_current_pid_tgid();
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	submit(KIND_SLOW, record);
}

// is_slow minds that of a call that was not timed the length is known to a tick: none that is slow is left out.
static __always_inline bool is_slow(struct slot *call, __u64 ns)
{
	return slow_ns && ns + (call->at ? 0 : tick_ns) >= slow_ns && !waits(call->number);
}

// end counts the call. Not typed: without reading anything of the kernel's types, which needs its description of them.
static __always_inline void end(long result, bool typed)
{
	__u64 who = bpf_get_current_pid_tgid(), ns;
	bool failed = result < 0 && result >= -4095, lasted;
	struct call_times *times;
	struct slot call;
	__u32 ticks, weight;

	if (!take(who, &call))
		return;
	ticks = (__u32)bpf_jiffies64() - call.ticks;
	lasted = ticks >= LASTING;
	if (!call.weight && !lasted && !failed)
		return;
	ns = call.at ? bpf_ktime_get_ns() - call.at : ticks * tick_ns;
	weight = lasted ? 1 : call.weight;
	times = times_of(call.number, typed);
	if (times) {
		add_weighted(&times->times, ns, weight);
		if (failed)
			__sync_fetch_and_add(&times->errors, 1);
	}
	if (is_slow(&call, ns) && who >> 32 != own_pid)
		tell(call.number, ns, result, typed);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(on_enter, struct pt_regs *regs, long number)
{
	begin(number);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_exit, struct pt_regs *regs, long result)
{
	end(result, true);
	return 0;
}

SEC("raw_tp/sys_enter")
int on_plain_enter(struct bpf_raw_tracepoint_args *ctx)
{
	begin(ctx->args[1]);
	return 0;
}

SEC("raw_tp/sys_exit")
int on_plain_exit(struct bpf_raw_tracepoint_args *ctx)
{
	end(ctx->args[1], false);
	return 0;
}
