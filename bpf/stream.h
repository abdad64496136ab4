// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// What is kept and reported of a connection whose bytes are looked into, and how a call's bytes become a record.
#pragma once

#include "socket.h"
#include "speech.h"
#include "thread.h"

#define DATA_MAX 16384 // of one buffer, a power of two; also the longest head
#define DATA_END 16128 // behind so many bytes no further buffer of a list is copied
#define DATA_FIRST 4096 // more of a call is copied only if its head does not end there
#define PIECES 64 // buffers of a list that are looked into
#define TAIL 8
#define LONG_TAIL 32 // of calls to databases
#define GLIMPSE 64 // bytes that distinguish the head of a message from a body
#define AT_ONCE 1536 // a call of so many bytes is mostly head, and copied without a first look
#define SHORT 16 // a call of so few bytes may be the begin of a head that cannot be distinguished from a body yet
#define HELD 8 // bytes that show what a connection speaks
#define ANSWER 512 // bytes of an answer of PostgreSQL that are copied
#define TRIES 4 // calls that may say nothing known before a connection is given up

// Kinds of the probe that the connection's speech belongs to.
enum stream_kind {
	STREAM_DATA = 1,
	STREAM_CLOSE = 2,
	STREAM_REST = 3,
};

// Set by the receiver: the process whose requests are not reported, 0 for none.
const volatile __u32 own_pid = 0;

// The receiver writes OTHER into speech when a connection stops to speak what it did. Who holds the connection and whom it
// is with is read once, and again when another process uses it: that is most of what a record would cost.
struct stream_conn {
	__u64 start;
	__u64 cgroup;
	struct endpoints ends;
	__u64 first_byte_at; // when the bytes that are held came
	__u64 sent_at; // of the last piece that was sent
	__u64 peer_ended_at; // when the peer had nothing more to send
	__u64 ssl; // of a socket: the connection of TLS that uses it
	__u64 socket; // of a connection of TLS: the socket
	__u32 at[2]; // places of the next bytes
	__u32 copies[2]; // bytes of a head that are still copied
	__u32 skip[2]; // bytes of a long text of Redis that are still to come
	__u32 pid;
	__u8 speech;
	__u8 tries;
	__u8 asks; // the direction of questions to a database
	__u8 encrypted; // on its way; here it is in the clear
	__u8 held[2]; // bytes that came alone, and go in front of the next ones
	__u8 last; // direction of the last call
	__u8 unused;
	__u8 text[2][HELD];
	__u8 comm[16]; // of the process, for it may have ended before anybody asks for its name
	__u8 spare[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 32768);
	__type(key, __u64); // the socket's cookie
	__type(value, struct stream_conn);
} stream_conns SEC(".maps");

// Why calls were not looked into.
enum missed {
	MISSED_MAP_FULL = 0, // stream_conns
	MISSED_UNREADABLE = 1, // their bytes lay in memory that is not at hand
	MISSED_REASONS = 2,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MISSED_REASONS);
	__type(key, __u32);
	__type(value, __u64);
} stream_missed SEC(".maps");

static __always_inline void count_missed(__u32 reason)
{
	__u64 *missed = bpf_map_lookup_elem(&stream_missed, &reason);

	if (missed)
		(*missed)++;
}

struct stream_record {
	struct record_head head;
	__u64 conn;
	struct endpoints ends;
	__u32 seq; // place of the first byte in the stream
	__u32 length;
	__u32 other; // place of the next byte in the other stream
	__u32 thread;
	__u16 copied;
	__u8 direction;
	__u8 tail_length;
	__u8 encrypted;
	__u8 first; // the stream begins here
	__u8 asks;
	__u8 shift; // of requests one of 2^shift was sent when this one was
	__u32 unseen; // reads of the thread so far of which no record was sent
	__u32 spare;
	__u8 tail[LONG_TAIL]; // the last bytes
	__u8 comm[16];
	__u8 data[DATA_MAX + DATA_END + HELD]; // as long as copied says; twice, for the verifier
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stream_record);
} stream_scratch SEC(".maps");

static __always_inline struct thread_reads *reads_of_thread(void)
{
	return bpf_task_storage_get(&thread_reads, bpf_get_current_task_btf(), NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

static __always_inline void count_unseen(void)
{
	struct thread_reads *reads = reads_of_thread();

	if (reads)
		reads->unseen++;
}

#define RESPONSE FOUR('H', 'T', 'T', 'P')

// note_serving takes in that the thread has read a request, or sends a response. The bytes of a record are valid as far as it
// says. Of a connection to a database either end counts as serving: the receiver knows which one is the server.
static __always_inline void note_serving(struct thread_reads *reads, struct stream_record *record, enum speech speech,
					 enum direction direction)
{
	bool response = *(__u32 *)record->data == RESPONSE;

	if (speech == REDIS || speech == POSTGRESQL) {
		if (direction == RECEIVED)
			reads->serving |= SERVES_DATABASE;
		else
			reads->serving &= ~SERVES_DATABASE;
		return;
	}
	if (speech != HTTP || record->copied < sizeof(__u32))
		return;
	if (direction == SENT && response)
		reads->serving &= ~SERVES_HTTP;
	if (direction == RECEIVED && !response && record->data[0] >= 'A' && record->data[0] <= 'Z')
		reads->serving |= SERVES_HTTP;
}

// may_ask reports whether what comes over the socket may be a request: not the answers of name servers, what the kernel
// says over netlink, or what comes over a Unix socket that was not accepted from a listener.
static __always_inline bool may_ask(struct sock *sk)
{
	struct unix_sock *local;

	if (sk->__sk_common.skc_family == AF_UNIX) {
		local = bpf_skc_to_unix_sock(sk);
		return local && local->addr;
	}
	if (is_inet(sk, PROTOCOL_UDP))
		return sk->__sk_common.skc_dport != __builtin_bswap16(53);
	return sk->__sk_common.skc_family == AF_INET || sk->__sk_common.skc_family == AF_INET6;
}

// The call that is looked into.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct io_call);
} stream_call SEC(".maps");

static __always_inline struct stream_record *scratch_record(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&stream_scratch, &zero);
}

static __always_inline struct io_call *scratch_call(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&stream_call, &zero);
}

struct stream_close {
	struct record_head head;
	__u64 conn;
	__u64 peer_ended_at;
	__u32 next[2]; // places behind the last bytes
	__u32 given_up; // this end closed it, and the other had not
	__u32 unread; // bytes that this end had not read
	__u32 reset; // the other had closed it before and refused what this end sent then; the call that sent it may not have ended yet
	__u32 padding;
};

// The compiler leaves out masks of what it knows to be small, but the verifier does not know it everywhere.
#define within(value, mask) asm volatile("%0 &= %1" : "+r"(value) : "i"(mask))

static __always_inline __u32 copy_piece(struct stream_record *record, __u32 at, void *from, unsigned long length)
{
	unsigned long to = at;

	barrier_var(to);
	if (to >= DATA_END)
		return at;
	if (length > DATA_MAX)
		length = DATA_MAX;
	barrier_var(length);
	if (length > DATA_MAX)
		return at;
	if (bpf_probe_read_user(record->data + to, length, from)) {
		count_missed(MISSED_UNREADABLE);
		return at;
	}
	return to + length;
}

struct list_copy {
	struct user_iovec *list;
	__u32 listed;
	__u32 at;
	__u32 left;
};

static long copy_listed(__u32 index, void *context)
{
	struct list_copy *copy = context;
	struct stream_record *record = scratch_record();
	struct user_iovec piece;
	__u32 next;

	if (!record || index >= copy->listed || !copy->left)
		return 1;
	if (bpf_probe_read_user(&piece, sizeof(piece), copy->list + index))
		return 1;
	if (piece.length > copy->left)
		piece.length = copy->left;
	if (!piece.length)
		return 0;
	next = copy_piece(record, copy->at, piece.base, piece.length);
	if (next != copy->at + piece.length)
		copy->left = 0; // what follows would stand in the wrong place
	else
		copy->left -= piece.length;
	copy->at = next;
	return 0;
}

// The functions that are not inlined are verified once, whatever calls them.

// copy_data puts the first bytes of the call behind those that were held. sendfile, splice and io_uring leave no buffers:
// their length still counts.
__noinline __u32 copy_data(__u32 at, __u32 length)
{
	struct stream_record *record = scratch_record();
	struct io_call *call = scratch_call();
	struct list_copy copy = {.at = at, .left = length};

	if (!record || !call)
		return at;
	copy.list = call->list;
	copy.listed = call->listed;
	if (call->buffer)
		return copy_piece(record, at, call->buffer, length);
	if (!call->list)
		return at;
	if (copy.listed == 1) {
		copy_listed(0, &copy);
		return copy.at;
	}
	bpf_loop(PIECES, copy_listed, &copy, 0);
	return copy.at;
}

struct list_end {
	struct user_iovec *list;
	struct user_iovec piece;
	unsigned long left;
	__u32 listed;
	__u32 found;
};

static long find_end(__u32 index, void *context)
{
	struct list_end *end = context;

	if (index >= end->listed || bpf_probe_read_user(&end->piece, sizeof(end->piece), end->list + index))
		return 1;
	if (end->piece.length >= end->left) {
		end->found = 1;
		return 1;
	}
	end->left -= end->piece.length;
	return 0;
}

// copy_tail reads the end of the call: by it the receiver knows the last chunk of a chunked body, and the end of an answer.
__noinline int copy_tail(__u32 length, __u32 wanted)
{
	struct stream_record *record = scratch_record();
	struct io_call *call = scratch_call();
	struct list_end end = {.left = length};
	unsigned long left, size;

	if (!record || !call)
		return 0;
	end.list = call->list;
	end.listed = call->listed;
	end.piece.base = call->buffer;
	end.found = call->buffer != NULL;
	if (!call->buffer && call->list)
		bpf_loop(PIECES, find_end, &end, 0);
	left = end.left;
	if (!end.found || !left)
		return 0; // more buffers than are looked into
	size = left < wanted ? left : wanted;
	if (size >= LONG_TAIL) {
		if (!bpf_probe_read_user(record->tail, LONG_TAIL, end.piece.base + left - LONG_TAIL))
			record->tail_length = LONG_TAIL;
		return 0;
	}
	within(size, LONG_TAIL - 1);
	if (!bpf_probe_read_user(record->tail, size, end.piece.base + left - size))
		record->tail_length = size;
	return 0;
}

struct head_scan {
	__u32 from;
	__u32 ended;
};

#define SCANNED 32 // bytes of a step

// Of any four bytes in a row one has a place that 4 divides, so no end of a head is overlooked.
static long scan_head(__u32 index, void *context)
{
	struct head_scan *scan = context;
	struct stream_record *record = scratch_record();
	__u8 *text;
	__u32 i;

	if (!record || index >= DATA_FIRST / SCANNED)
		return 1;
	text = record->data + index * SCANNED + 4;
	for (i = 0; i < SCANNED; i += 4) {
		if (text[i] != '\r' && text[i] != '\n')
			continue;
		if (*(__u32 *)(text + i) == FOUR('\r', '\n', '\r', '\n') || *(__u32 *)(text + i - 1) == FOUR('\r', '\n', '\r', '\n') ||
		    *(__u32 *)(text + i - 2) == FOUR('\r', '\n', '\r', '\n') || *(__u32 *)(text + i - 3) == FOUR('\r', '\n', '\r', '\n')) {
			scan->ended = 1;
			return 1;
		}
	}
	return 0;
}

// head_ends looks for the end of a head in the first bytes, of which so many were copied.
__noinline int head_ends(__u32 copied)
{
	struct head_scan scan = {};
	__u32 steps = copied / SCANNED;

	if (steps > DATA_FIRST / SCANNED)
		steps = DATA_FIRST / SCANNED;
	bpf_loop(steps, scan_head, &scan, 0);
	return scan.ended;
}

// speech_of_call returns the protocol of the bytes that were copied.
__noinline int speech_of_call(__u32 copied, __u32 length)
{
	struct stream_record *record = scratch_record();

	return record ? speech_of(record->data, copied, length) : UNDECIDED;
}
