// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// Exchanges of HTTP that are counted here and not sent to the receiver. Above a rate of requests one of several is sent as a
// sample. Of the others only those can be counted that are certain to be like the last one that was sent: the same request,
// byte for byte, answered with the same status by a head of the same form, which the receiver has found. Everything else is
// sent: what differs, what fails, what is slow, and what a connection does that does not wait for its answers.
#pragma once

#include "stream.h"

#define REQUEST_MAX 256 // bytes of a request that are compared, a power of two
#define ANSWER_MAX 512 // bytes of the head of an answer, a power of two
#define ANSWER_BUCKETS 15 // those of the receiver's histograms, see bound_of
#define CLEAN 2 // exchanges that are sent before others are counted
#define RATE_BATCH 16 // requests that a CPU counts by itself
#define RATE_WINDOWS 10 // a second

// Set by the receiver. 0 requests a second: all are sent.
const volatile __u32 exact_requests = 0; // in a window
const volatile __u32 window_ticks = 25;
const volatile __u64 slow_request_ns = 0;

enum phase {
	FOLLOWED, // only the receiver knows
	RESTING, // all requests are answered
	ASKED,
	ANSWERED, // the head of the answer has passed
};

struct exchange_counts {
	__u64 count;
	__u64 sum; // nanoseconds
	__u64 buckets[ANSWER_BUCKETS];
};

struct request_text {
	__u8 text[REQUEST_MAX];
};

// The form of the exchanges of a connection, as the receiver has seen it in those that were sent.
struct exchange_form {
	__u32 version; // changes with the form
	__u16 request_length;
	__u16 head_length; // of an answer
	__u16 length_at; // where that has the value of its Content-Length
	__u16 unused;
	__u8 status[16]; // the first 12 bytes of an answer
	struct request_text request;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192);
	__type(key, __u64); // as of stream_conns
	__type(value, struct exchange_form);
} exchange_forms SEC(".maps");

// A connection whose exchanges may be counted.
struct exchanges {
	struct exchange_counts counts;
	__u64 reported; // counts.count when the receiver was last sent it
	__u64 asked_at;
	__u64 answered_at;
	__u64 left; // bytes of the answer that are still to come
	__u32 rest[2]; // places of the next bytes when the connection was at rest
	__u32 asked_seq;
	__u32 asked_other; // places of the next bytes of the other stream
	__u32 answer_seq;
	__u32 answer_other;
	__u32 answer_length; // of the call
	__u32 answer_copied;
	__u8 phase;
	__u8 asks; // the direction of requests
	__u8 sent; // the exchange under way goes to the receiver
	__u8 clean;
	__u8 passed; // exchanges were counted that the receiver knows nothing of
	__u8 pipelines; // the client does not wait for answers
	__u8 shift; // one of 2^shift requests is sent
	__u8 decided; // by that shift, whether the request that passes is sent
	struct exchange_form form;
	__u8 answer[ANSWER_MAX + 16]; // read by words
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192);
	__type(key, __u64); // as of stream_conns
	__type(value, struct exchanges);
} stream_exchanges SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exchanges);
} fresh_exchanges SEC(".maps");

// The connection is at rest, and what was counted of it so far.
struct stream_rest {
	struct record_head head;
	__u64 conn;
	__u32 next[2];
	struct exchange_counts counts;
};

struct request_rate {
	__u64 window; // when it began, in ticks
	__u32 count;
	__u32 shift;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct request_rate);
} request_rates SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} requests_of_cpu SEC(".maps");

static __always_inline void end_window(struct request_rate *rate, __u64 now)
{
	__u32 count = rate->count, shift = 0;
	int i;

	for (i = 0; i < 12; i++)
		if (count >> shift > exact_requests)
			shift++;
	rate->window = now;
	rate->count = 0;
	rate->shift = shift;
}

// The functions that are not static are verified by themselves, once: inlined, their loops would be verified again for each
// way through the program.

// count_request returns the shift that holds now. All CPUs share it, so that both ends of a connection draw alike.
__noinline int count_request(void)
{
	__u32 zero = 0, *mine = bpf_map_lookup_elem(&requests_of_cpu, &zero);
	struct request_rate *rate = bpf_map_lookup_elem(&request_rates, &zero);
	__u64 now = bpf_jiffies64();

	if (!mine || !rate)
		return 0;
	if (++*mine >= RATE_BATCH) {
		__sync_fetch_and_add(&rate->count, *mine);
		*mine = 0;
	}
	if (now - rate->window >= window_ticks)
		end_window(rate, now);
	return rate->shift;
}

// is_drawn decides by what both ends know of a request, its place in the stream and the client's port; the receiver does the
// same.
static __always_inline bool is_drawn(__u32 seq, __u16 port, __u32 shift)
{
	__u64 h = seq * 0x9e3779b97f4a7c15ULL ^ port * 0xc2b2ae3d27d4eb4fULL;

	if (!shift)
		return true;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ULL;
	h ^= h >> 32;
	return h >> (64 - shift) == (1ULL << shift) - 1;
}

// bucket_of_answer has the bounds that the semantic conventions advise.
__noinline int bucket_of_answer(__u64 ns)
{
	static const __u32 bounds[ANSWER_BUCKETS - 1] = {5000, 10000, 25000, 50000, 75000, 100000, 250000, 500000, 750000,
							 1000000, 2500000, 5000000, 7500000, 10000000};
	__u32 i;

	for (i = 0; i < ANSWER_BUCKETS - 1; i++)
		if (ns <= bounds[i] * 1000ULL)
			break;
	return i;
}

__noinline int same_request(const struct exchange_form *form, const struct request_text *request)
{
	__u32 i;

	if (!form || !request)
		return 0;
	// The last bytes of each head are the same, so whole words will do.
	for (i = 0; i < REQUEST_MAX / 8; i++) {
		if (i * 8 + 8 > form->request_length)
			break;
		if (((const __u64 *)form->request.text)[i] != ((const __u64 *)request->text)[i])
			return 0;
	}
	for (i = i * 8; i < REQUEST_MAX; i++) {
		if (i >= form->request_length)
			break;
		if (form->request.text[i] != request->text[i])
			return 0;
	}
	return 1;
}

static __always_inline bool ends_head(const __u8 *text, __u32 at)
{
	return text[at & (ANSWER_MAX - 1)] == '\r' && text[(at + 1) & (ANSWER_MAX - 1)] == '\n' && text[(at + 2) & (ANSWER_MAX - 1)] == '\r' &&
	       text[(at + 3) & (ANSWER_MAX - 1)] == '\n';
}

// read_length reads the digits of a Content-Length.
static __always_inline bool read_length(const __u8 *text, __u32 at, __u64 *length)
{
	__u32 i;

	*length = 0;
	for (i = 0; i < 10; i++) {
		__u8 c = text[(at + i) & (ANSWER_MAX - 1)];

		if (!is_digit(c))
			break;
		*length = *length * 10 + c - '0';
	}
	return i > 0 && i < 10 && text[(at + i) & (ANSWER_MAX - 1)] == '\r';
}

#define TEXT8(a, b, c, d, e, f, g, h) ((__u64)FOUR(a, b, c, d) | (__u64)FOUR(e, f, g, h) << 32)

static __always_inline bool names_length(const __u8 *text, __u32 at)
{
	// Small letters and capitals differ in one bit.
	const __u64 small = 0x2020202020202020ULL;
	__u64 first = *(const __u64 *)(text + (at & (ANSWER_MAX - 1))), second = *(const __u64 *)(text + ((at + 8) & (ANSWER_MAX - 1)));

	return (first | small) == (TEXT8('c', 'o', 'n', 't', 'e', 'n', 't', '-') | small) &&
	       (second | small) == (TEXT8('l', 'e', 'n', 'g', 't', 'h', ':', ' ') | small);
}

// whole_answer returns how long the answer is that has been copied, with its body; 0 if it has not the form of the last one.
__noinline int whole_answer(const struct exchanges *x)
{
	__u64 length;
	__u32 at, end;

	if (!x)
		return 0;
	at = x->form.length_at & (ANSWER_MAX - 1);
	end = x->form.head_length & (ANSWER_MAX - 1);
	if (at < 16 || end < 16 || x->answer_copied < end)
		return 0;
	if (*(const __u64 *)x->form.status != *(const __u64 *)x->answer || *(const __u32 *)(x->form.status + 8) != *(const __u32 *)(x->answer + 8))
		return 0;
	if (!ends_head(x->answer, end - 4) || !names_length(x->answer, at - 16) || !read_length(x->answer, at, &length))
		return 0;
	length += end;
	return length < 1 << 30 ? length : 0;
}

static __always_inline struct stream_record *begin_short(struct stream_conn *conn, struct exchanges *x, __u64 key, __u64 time)
{
	struct stream_record *record = reserve(KIND(PROBE_HTTP, STREAM_DATA), offsetof(struct stream_record, data) + ANSWER_MAX);

	if (!record)
		return NULL;
	__builtin_memset(record, 0, offsetof(struct stream_record, data));
	record->head.kind = KIND(PROBE_HTTP, STREAM_DATA);
	record->head.time = time;
	record->head.pid = conn->pid;
	record->head.start = conn->start;
	record->head.cgroup = conn->cgroup;
	record->conn = key;
	record->ends = conn->ends;
	record->shift = x->shift;
	record->asks = conn->asks;
	record->encrypted = conn->encrypted;
	__builtin_memcpy(record->comm, conn->comm, sizeof(record->comm));
	return record;
}

// send_rest reports to the receiver that the connection has come to rest at another place than it knows.
static __always_inline void send_rest(struct exchanges *x, __u64 key)
{
	struct stream_rest *record;

	if (!x->passed)
		return;
	record = reserve(KIND(PROBE_HTTP, STREAM_REST), sizeof(*record));
	if (!record)
		return;
	__builtin_memset(&record->head, 0, sizeof(record->head));
	record->head.kind = KIND(PROBE_HTTP, STREAM_REST);
	record->head.time = bpf_ktime_get_ns();
	record->conn = key;
	record->next[0] = x->rest[0];
	record->next[1] = x->rest[1];
	record->counts = x->counts;
	x->reported = x->counts.count;
	x->passed = 0;
	submit(KIND(PROBE_HTTP, STREAM_REST), record);
}

// hand_over sends what was held back of the exchange under way: the receiver follows it from here on.
static __always_inline void hand_over(struct exchanges *x, struct stream_conn *conn, __u64 key)
{
	struct stream_record *record;

	if (x->sent || (x->phase != ASKED && x->phase != ANSWERED))
		return;
	x->sent = 1;
	send_rest(x, key);
	record = begin_short(conn, x, key, x->asked_at);
	if (!record)
		return;
	record->seq = x->asked_seq;
	record->other = x->asked_other;
	record->length = record->copied = x->form.request_length;
	record->direction = x->asks;
	__builtin_memcpy(record->data, &x->form.request, REQUEST_MAX);
	submit(KIND(PROBE_HTTP, STREAM_DATA), record);
	if (x->phase != ANSWERED)
		return;
	record = begin_short(conn, x, key, x->answered_at);
	if (!record)
		return;
	record->seq = x->answer_seq;
	record->other = x->answer_other;
	record->length = x->answer_length;
	record->copied = x->answer_copied;
	record->direction = !x->asks;
	__builtin_memcpy(record->data, x->answer, ANSWER_MAX);
	submit(KIND(PROBE_HTTP, STREAM_DATA), record);
}

static __always_inline __u32 current_shift(void)
{
	__u32 zero = 0;
	struct request_rate *rate = bpf_map_lookup_elem(&request_rates, &zero);

	return rate ? rate->shift : 0;
}

// A call that moves bytes of a connection, with the places behind them.
struct passage {
	__u64 key;
	__u64 time;
	void *buffer;
	void *list;
	__u32 length;
	__u32 next[2];
	__u32 direction;
	__u32 pid;
	__u32 unused;
};

// read_text reads the first bytes of a call, of a list those of its first buffer, but not ANSWER_MAX of them.
static __always_inline __u32 read_text(void *to, struct passage *at)
{
	struct user_iovec piece;
	void *from = at->buffer;
	unsigned long size = at->length;

	if (at->list) {
		if (bpf_probe_read_user(&piece, sizeof(piece), at->list))
			return 0;
		from = piece.base;
		if (piece.length < size)
			size = piece.length;
	}
	if (size > ANSWER_MAX - 1)
		size = ANSWER_MAX - 1;
	within(size, ANSWER_MAX - 1);
	if (!from || !size || bpf_probe_read_user(to, size, from))
		return 0;
	return size;
}

static __always_inline bool pass_request(struct exchanges *x, struct stream_conn *conn, struct stream_record *record,
					 struct passage *at)
{
	__u32 seq = at->next[at->direction & 1] - at->length, shift = current_shift();
	__u16 port = at->direction == SENT ? conn->ends.local_port : conn->ends.remote_port;

	if (x->phase != RESTING || x->clean < CLEAN || !shift || at->length != x->form.request_length)
		return false;
	x->shift = shift;
	x->decided = 1;
	if (is_drawn(seq, port, shift))
		return false;
	if (read_text(record->data, at) != at->length || !same_request(&x->form, (void *)record->data))
		return false;
	count_request();
	x->asked_at = at->time;
	x->asked_seq = seq;
	x->asked_other = at->next[!at->direction];
	x->decided = 0;
	x->sent = 0;
	x->phase = ASKED;
	return true;
}

static __always_inline bool pass_head(struct exchanges *x, struct passage *at)
{
	__u64 whole;

	x->answer_copied = read_text(x->answer, at);
	whole = whole_answer(x);
	if (!whole || at->length > whole)
		return false;
	x->left = whole - at->length;
	x->answered_at = at->time;
	x->answer_seq = at->next[at->direction & 1] - at->length;
	x->answer_other = at->next[!at->direction];
	x->answer_length = at->length;
	x->phase = ANSWERED;
	return true;
}

static __always_inline void complete(struct exchanges *x, struct passage *at)
{
	__u64 ns = at->time - x->asked_at;
	__u32 bucket = bucket_of_answer(ns);

	x->phase = RESTING;
	x->rest[0] = at->next[0];
	x->rest[1] = at->next[1];
	x->passed = 1;
	x->counts.count++;
	x->counts.sum += ns;
	if (bucket < ANSWER_BUCKETS)
		x->counts.buckets[bucket]++;
}

static __always_inline bool pass_answer(struct exchanges *x, struct passage *at)
{
	if (x->sent || (x->phase != ASKED && x->phase != ANSWERED) || at->time < x->asked_at || at->time - x->asked_at >= slow_request_ns)
		return false;
	if (x->phase == ASKED) {
		if (!pass_head(x, at))
			return false;
	} else {
		if (at->length > x->left)
			return false;
		x->left -= at->length;
	}
	if (!x->left)
		complete(x, at);
	return true;
}

// pass_exchange reports whether the bytes need not be sent.
__noinline int pass_exchange(struct exchanges *x, struct stream_conn *conn, struct stream_record *record, struct passage *at)
{
	bool passed;

	if (!x || !conn || !record || !at)
		return 0;
	if (conn->pid != at->pid || conn->held[0] || conn->held[1])
		passed = false;
	else if (at->direction == x->asks)
		passed = pass_request(x, conn, record, at);
	else
		passed = pass_answer(x, at);
	if (!passed)
		hand_over(x, conn, at->key);
	return passed;
}

static __always_inline void follow_request(struct exchanges *x, struct stream_record *record, __u64 key, enum direction direction)
{
	struct exchange_form *form = bpf_map_lookup_elem(&exchange_forms, &key);

	if (x->phase == ASKED || x->phase == ANSWERED)
		x->pipelines = 1;
	x->phase = FOLLOWED;
	if (x->pipelines || !form)
		return;
	if (x->form.version != form->version) {
		x->form = *form;
		x->clean = 0;
	}
	if (record->length != x->form.request_length || record->copied != record->length || !same_request(&x->form, (void *)record->data)) {
		x->clean = 0;
		return;
	}
	x->asks = direction;
	x->sent = 1;
	x->phase = ASKED;
}

static __always_inline void follow_answer(struct exchanges *x, struct stream_record *record)
{
	if (x->phase == ASKED) {
		x->answer_copied = record->copied;
		if (bpf_probe_read_kernel(x->answer, ANSWER_MAX, record->data))
			return;
		x->left = whole_answer(x);
		x->phase = ANSWERED;
	}
	if (x->phase != ANSWERED)
		return;
	if (record->length > x->left) {
		x->phase = FOLLOWED;
		x->clean = 0;
		return;
	}
	x->left -= record->length;
	if (x->left)
		return;
	x->phase = RESTING;
	if (x->clean < CLEAN)
		x->clean++;
}

static __always_inline bool begins_request(const struct stream_record *record)
{
	return record->copied >= 8 && looks_like_head(record->data) && *(const __u32 *)record->data != FOUR('H', 'T', 'T', 'P');
}

static __always_inline struct exchanges *new_exchanges(__u64 key, enum direction direction)
{
	struct exchanges *fresh;
	__u32 zero = 0;

	if (!bpf_map_lookup_elem(&exchange_forms, &key))
		return NULL;
	fresh = bpf_map_lookup_elem(&fresh_exchanges, &zero);
	if (!fresh)
		return NULL;
	fresh->asks = direction;
	bpf_map_update_elem(&stream_exchanges, &key, fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&stream_exchanges, &key);
}

// follow keeps up with the exchanges that are sent, to know when the next ones may be counted.
__noinline int follow(struct stream_record *record, __u64 key, __u32 direction)
{
	struct exchanges *x = bpf_map_lookup_elem(&stream_exchanges, &key);

	if (!record)
		return 0;
	if (x && direction != x->asks) {
		follow_answer(x, record);
		return 0;
	}
	if (x)
		send_rest(x, key);
	if (!begins_request(record)) {
		if (x)
			x->phase = FOLLOWED;
		return 0;
	}
	record->shift = count_request();
	if (!x && record->shift)
		x = new_exchanges(key, direction);
	if (!x)
		return 0;
	if (x->decided)
		record->shift = x->shift;
	x->shift = record->shift;
	x->decided = 0;
	follow_request(x, record, key, direction);
	return 0;
}
