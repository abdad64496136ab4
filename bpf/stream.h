// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// What is kept and told of a connection whose bytes are looked into, and how a call's bytes become a record.
#pragma once

#include "socket.h"
#include "speech.h"

#define DATA_MAX 4096 // of one call, a power of two
#define PIECES 4 // buffers of a list that are looked into
#define TAIL 8
#define GLIMPSE 64 // bytes by which the head of a message is told from a body
#define AT_ONCE 1536 // a call of so many bytes is mostly head, and copied without a first look
#define HEAD_CALLS 8 // a head may come in so many calls
#define QUESTION 2048 // bytes of a call to a database that are copied, and of its answer
#define ANSWER 512
#define TRIES 4 // calls that may say nothing known before a connection is given up

// Kinds of the probe that the connection's speech belongs to.
enum stream_kind {
	STREAM_DATA = 1,
	STREAM_CLOSE = 2,
};

// Set by the receiver: the process whose requests are not told, 0 for none.
const volatile __u32 own_pid = 0;

// The receiver writes OTHER into speech when a connection stops to speak what it did. Who holds the connection and whom it
// is with is read once, and again when another process uses it: that is most of what a record would cost.
struct stream_conn {
	__u64 start;
	__u64 cgroup;
	struct endpoints ends;
	__u64 first_byte_at; // when the byte that is carried came
	__u64 sent_at; // of the last piece that was sent
	__u64 ssl; // of a socket: the connection of TLS that uses it
	__u64 socket; // of a connection of TLS: the socket
	__u32 at[2]; // of a connection of TLS: places of the next bytes
	__u32 pid;
	__u8 speech;
	__u8 tries;
	__u8 copies[2]; // calls of that direction that are still copied
	__u8 carries; // a first byte that was read alone
	__u8 carried;
	__u8 asks; // the direction of questions to a database
	__u8 encrypted; // on its way; here it is in the clear
	__u8 unused[4];
	__u8 comm[16]; // of the process, for it may have ended before anybody asks for its name
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
	__u16 copied;
	__u8 direction;
	__u8 tail_length;
	__u8 tail[TAIL]; // the last bytes
	__u32 encrypted;
	__u8 comm[16];
	__u8 data[DATA_MAX * 2]; // as long as copied says; twice, for the verifier
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stream_record);
} stream_scratch SEC(".maps");

struct stream_close {
	struct record_head head;
	__u64 conn;
	__u32 given_up; // this end closed it, and the other had not
	__u32 unused;
};

// The compiler leaves out masks of what it knows to be small, but the verifier does not know it everywhere.
#define within(value, mask) asm volatile("%0 &= %1" : "+r"(value) : "i"(mask))

static __always_inline __u32 copy_piece(struct stream_record *record, __u32 at, void *from, unsigned long length)
{
	unsigned long to = at;

	if (at >= DATA_MAX)
		return at;
	if (length > DATA_MAX - 1)
		length = DATA_MAX - 1;
	within(to, DATA_MAX - 1);
	within(length, DATA_MAX - 1);
	if (bpf_probe_read_user(record->data + to, length, from)) {
		count_missed(MISSED_UNREADABLE);
		return at;
	}
	return at + length;
}

// copy_data puts the first bytes of the call behind a carried one, at most DATA_MAX in all.
static __always_inline __u32 copy_data(struct stream_record *record, struct io_call *call, __u32 at, __u32 length)
{
	struct user_iovec piece;
	__u32 next;
	int i;

	if (!call->list)
		return copy_piece(record, at, call->buffer, length);
	for (i = 0; i < PIECES; i++) {
		if (i >= call->listed || !length || at >= DATA_MAX)
			break;
		if (bpf_probe_read_user(&piece, sizeof(piece), call->list + i))
			break;
		if (piece.length > length)
			piece.length = length;
		next = copy_piece(record, at, piece.base, piece.length);
		if (next == at && piece.length)
			break; // what follows would stand in the wrong place
		at = next;
		length -= piece.length;
	}
	return at;
}

// copy_tail reads the end of the call: by it the receiver knows the last chunk of a chunked body.
static __always_inline void copy_tail(struct stream_record *record, struct io_call *call, __u32 length)
{
	struct user_iovec piece = {.base = call->buffer, .length = length};
	unsigned long left = length;
	int i;

	if (call->list) {
		for (i = 0; i < 8; i++) {
			if (i >= call->listed || bpf_probe_read_user(&piece, sizeof(piece), call->list + i))
				return;
			if (piece.length >= left)
				break;
			left -= piece.length;
		}
	}
	if (piece.length < left)
		return; // more buffers than are looked into
	if (left >= TAIL) {
		if (!bpf_probe_read_user(record->tail, TAIL, piece.base + left - TAIL))
			record->tail_length = TAIL;
		return;
	}
	within(left, TAIL - 1);
	if (left && !bpf_probe_read_user(record->tail, left, piece.base))
		record->tail_length = left;
}
