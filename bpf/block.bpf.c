//go:build ignore

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// How long block devices take, from when they get a request to when it is done, and which requests fail. Failures are
// counted, and reported one by one while they are few: a device that dies fails thousands a second.
#include "event.h"
#include "histogram.h"

char LICENSE[] SEC("license") = "GPL";

#define OPERATION 0xff // of cmd_flags
#define KIND_FAILED KIND(PROBE_BLOCK, 1)
#define SECOND 1000000000ULL

struct device_operation {
	__u32 major;
	__u32 minor;
	__u32 operation;
};

struct block_times {
	__u64 bytes;
	struct histogram times;
};

// In the way of the kernel: its own status of a block request, or, before Linux 5.16, a negative errno.
struct device_failure {
	struct device_operation what;
	__s32 error;
};

struct failure_count {
	__u64 requests;
	__u64 told;    // of them, in records
	__u64 told_at;
};

struct failed_record {
	struct record_head head; // of no process: the one that runs when a request ends is unrelated
	struct device_failure failure;
	__u64 sector;
	__u64 requests; // that failed alike since the record before
	__u32 bytes;	// of this one
	__u32 unused;
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

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 512);
	__type(key, struct device_failure);
	__type(value, struct failure_count);
} failures SEC(".maps");

static const struct block_times none = {};
static const struct failure_count no_failure = {};

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

static __always_inline void tell_failure(struct request *request, struct device_failure *failure, struct failure_count *count,
					 __u32 bytes)
{
	__u64 now = bpf_ktime_get_ns();
	struct failed_record *record;

	if (count->told_at && now - count->told_at < SECOND)
		return;
	record = reserve(KIND_FAILED, sizeof(*record));
	if (!record)
		return;
	__builtin_memset(record, 0, sizeof(*record));
	record->head.kind = KIND_FAILED;
	record->head.time = now;
	record->failure = *failure;
	record->sector = BPF_CORE_READ(request, __sector);
	record->requests = count->requests - count->told;
	record->bytes = bytes;
	count->told_at = now;
	count->told = count->requests;
	submit(KIND_FAILED, record);
}

static __always_inline void fail(struct request *request, struct device_operation *what, int error, __u32 bytes)
{
	struct device_failure failure = {.what = *what, .error = error};
	struct failure_count *count = bpf_map_lookup_elem(&failures, &failure);

	if (!count) {
		bpf_map_update_elem(&failures, &failure, &no_failure, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&failures, &failure);
	}
	if (!count)
		return;
	__sync_fetch_and_add(&count->requests, 1);
	tell_failure(request, &failure, count, bytes);
}

static __always_inline void count_done(struct device_operation *what, __u64 ns, __u32 bytes)
{
	struct block_times *times = bpf_map_lookup_elem(&devices, what);

	if (!times) {
		bpf_map_update_elem(&devices, what, &none, BPF_NOEXIST);
		times = bpf_map_lookup_elem(&devices, what);
	}
	if (!times)
		return;
	add(&times->times, ns);
	__sync_fetch_and_add(&times->bytes, bytes);
}

// What programs ask of a device beside its blocks may fail and be no fault: a drive without a disc does.
#define PASSED_THROUGH 32

// A request that fails may never have got to the device, so the failure counts without its beginning, too.
SEC("tp_btf/block_rq_complete")
int BPF_PROG(on_complete, struct request *request, int error, unsigned int bytes)
{
	__u64 key = (__u64)request, *since = bpf_map_lookup_elem(&issued, &key);
	struct device_operation what = {};
	struct gendisk *disk;

	if (!since && !error)
		return 0;
	disk = disk_of(request);
	what.major = BPF_CORE_READ(disk, major);
	what.minor = BPF_CORE_READ(disk, first_minor);
	what.operation = BPF_CORE_READ(request, cmd_flags) & OPERATION;
	if (since) {
		count_done(&what, bpf_ktime_get_ns() - *since, error ? 0 : bytes);
		bpf_map_delete_elem(&issued, &key);
	}
	if (error && what.operation < PASSED_THROUGH)
		fail(request, &what, error, bytes);
	return 0;
}
