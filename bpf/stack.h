// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// Stacks, each kept once, under its hash.
#pragma once

#include "event.h"

#define FRAMES 127 // what the kernel unwinds at most, unless kernel.perf_event_max_stack is changed

struct stack {
	__u64 frames; // how many are valid
	__u64 at[FRAMES]; // the innermost first
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct stack);
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stack);
} stack_scratch SEC(".maps");

// What found no memory.
enum lost_of_profile {
	LOST_SAMPLES = 0,
	LOST_STACKS = 1,
	LOST_THREADS = 2,
	LOST_REASONS = 3,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOST_REASONS);
	__type(key, __u32);
	__type(value, __u64);
} profile_lost SEC(".maps");

static __always_inline void count_lost(__u32 reason, __u64 n)
{
	__u64 *lost = bpf_map_lookup_elem(&profile_lost, &reason);

	if (lost)
		*lost += n;
}

// keep_stack returns the hash of the stack, 0 if there is none or it found no memory.
static __always_inline __u64 keep_stack(void *ctx, __u64 flags)
{
	__u64 hash = 0x9e3779b97f4a7c15ULL;
	struct stack *stack;
	__u32 zero = 0, i, frames;
	long size;

	stack = bpf_map_lookup_elem(&stack_scratch, &zero);
	if (!stack)
		return 0;
	size = bpf_get_stack(ctx, stack->at, sizeof(stack->at), flags);
	if (size < 8)
		return 0;
	frames = (__u64)size / 8;
	for (i = 0; i < FRAMES; i++) {
		if (i >= frames)
			break;
		hash = (hash ^ stack->at[i]) * 0xff51afd7ed558ccdULL;
		hash ^= hash >> 32;
	}
	hash |= 1;
	if (bpf_map_lookup_elem(&stacks, &hash))
		return hash;
	stack->frames = frames;
	bpf_map_update_elem(&stacks, &hash, stack, BPF_NOEXIST);
	if (bpf_map_lookup_elem(&stacks, &hash))
		return hash;
	count_lost(LOST_STACKS, 1);
	return 0;
}
