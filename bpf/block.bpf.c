//go:build ignore

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// How long block devices take, from when they get a request to when it is done.
#include "event.h"
#include "histogram.h"

char LICENSE[] SEC("license") = "GPL";

#define OPERATION 0xff // of cmd_flags

struct device_operation {
	__u32 major;
	__u32 minor;
	__u32 operation;
};

struct block_times {
	__u64 errors;
	__u64 bytes;
	struct histogram times;
};

// Requests under way, by their address.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u64);
} issued SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct device_operation);
	__type(value, struct block_times);
} devices SEC(".maps");

static const struct block_times none = {};

SEC("tp_btf/block_rq_issue")
int BPF_PROG(on_issue, struct request *request)
{
	__u64 key = (__u64)request, now = bpf_ktime_get_ns();

	bpf_map_update_elem(&issued, &key, &now, BPF_ANY);
	return 0;
}

static __always_inline struct gendisk *disk_of(struct request *request)
{
	if (bpf_core_field_exists(struct request___with_disk, rq_disk))
		return BPF_CORE_READ((struct request___with_disk *)request, rq_disk);
	return BPF_CORE_READ(request, q, disk);
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(on_complete, struct request *request, int error, unsigned int bytes)
{
	__u64 key = (__u64)request, *since = bpf_map_lookup_elem(&issued, &key);
	struct gendisk *disk;
	struct device_operation what = {};
	struct block_times *times;
	__u64 ns;

	if (!since)
		return 0;
	ns = bpf_ktime_get_ns() - *since;
	bpf_map_delete_elem(&issued, &key);
	disk = disk_of(request);
	what.major = BPF_CORE_READ(disk, major);
	what.minor = BPF_CORE_READ(disk, first_minor);
	what.operation = BPF_CORE_READ(request, cmd_flags) & OPERATION;
	times = bpf_map_lookup_elem(&devices, &what);
	if (!times) {
		bpf_map_update_elem(&devices, &what, &none, BPF_NOEXIST);
		times = bpf_map_lookup_elem(&devices, &what);
	}
	if (!times)
		return 0;
	add(&times->times, ns);
	__sync_fetch_and_add(&times->bytes, bytes);
	if (error)
		__sync_fetch_and_add(&times->errors, 1);
	return 0;
}
