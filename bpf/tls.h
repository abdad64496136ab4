// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// What goes into libssl and comes out of it, before it is encrypted and after. A connection of TLS has an entry of its own
// among the connections, which is made when the thread that is in SSL_read or SSL_write uses a socket: that is how the one
// is known to belong to the other. Without a socket, as where a program feeds the library from memory, it is not followed.
#pragma once

#include "stream.h"

struct ssl_call {
	__u64 ssl;
	void *buffer;
	__u64 bytes; // where the _ex functions write how many there were, else 0
	__u64 time;
	__u32 direction;
	__u32 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH); // a thread that dies in a call never returns
	__uint(max_entries, 4096);
	__type(key, __u64); // the thread
	__type(value, struct ssl_call);
} ssl_calls SEC(".maps");

// Calls of libssl whose connection is not followed.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} ssl_loose SEC(".maps");

// The name of a connection of TLS among those of sockets, whose cookies are small numbers.
static __always_inline __u64 ssl_key(__u64 ssl, __u32 pid)
{
	return 1ULL << 63 | (__u64)(pid & 0xfffff) << 43 | (ssl >> 4 & ((1ULL << 43) - 1));
}

struct ssl_registers {
	__u64 first;
	__u64 second;
	__u64 fourth;
	__u64 result;
};

static __always_inline void read_ssl_registers(struct ssl_registers *to, void *ctx)
{
	struct pt_regs___x86 *x86 = ctx;
	struct pt_regs___arm64 *arm = ctx;

	if (bpf_core_field_exists(x86->orig_ax)) {
		to->first = BPF_CORE_READ(x86, di);
		to->second = BPF_CORE_READ(x86, si);
		to->fourth = BPF_CORE_READ(x86, cx);
		to->result = BPF_CORE_READ(x86, ax);
	} else if (bpf_core_field_exists(arm->syscallno)) {
		to->first = BPF_CORE_READ(arm, regs[0]);
		to->second = BPF_CORE_READ(arm, regs[1]);
		to->fourth = BPF_CORE_READ(arm, regs[3]);
		to->result = to->first;
	}
}

static __always_inline void enter_ssl(void *ctx, enum direction direction, bool extended)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct ssl_registers regs = {};
	struct ssl_call call = {.direction = direction};

	if (own_pid && thread >> 32 == own_pid)
		return;
	read_ssl_registers(&regs, ctx);
	call.ssl = regs.first;
	call.buffer = (void *)regs.second;
	call.bytes = extended ? regs.fourth : 0;
	call.time = bpf_ktime_get_ns();
	bpf_map_update_elem(&ssl_calls, &thread, &call, BPF_ANY);
}

static __always_inline void count_loose(void)
{
	__u32 zero = 0;
	__u64 *loose = bpf_map_lookup_elem(&ssl_loose, &zero);

	if (loose)
		(*loose)++;
}
