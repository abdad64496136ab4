//go:build ignore

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// HTTP/1.1 of programs that nobody instrumented. The program here only tells which connections speak it and copies what
// may be the head of a message; where messages begin and end is found out by the receiver, which gets each piece with its
// place in the stream.
#include "socket.h"

char LICENSE[] SEC("license") = "GPL";

enum http_kind {
	KIND_HTTP_DATA = KIND(PROBE_HTTP, 1),
	KIND_HTTP_CLOSE = KIND(PROBE_HTTP, 2),
};

#define DATA_MAX 4096 // of one call, a power of two
#define PIECES 4 // buffers of a list that are looked into
#define TAIL 8
#define GLIMPSE 64 // bytes by which a head is told from a body
#define HEAD_CALLS 8 // a head may come in so many calls
#define TRIES 4 // calls that may not look like HTTP before a connection is given up

// Set by the receiver: the process whose requests are not told, 0 for none.
const volatile __u32 own_pid = 0;

enum speech {
	UNDECIDED = 0,
	HTTP = 1,
	OTHER = 2,
};

// The receiver writes OTHER into speech when a connection stops to speak HTTP.
struct http_conn {
	__u64 first_byte_at; // when the byte that is carried came
	__u64 sent_at; // of the last piece that was sent
	__u8 speech;
	__u8 tries;
	__u8 copies[2]; // calls of that direction that are still copied
	__u8 carries; // a first byte that was read alone
	__u8 carried;
	__u8 unused[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 32768);
	__type(key, __u64);
	__type(value, struct http_conn);
} http_conns SEC(".maps");

// Connections that were not followed because http_conns is full.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} http_overflow SEC(".maps");

struct http_record {
	struct record_head head;
	__u64 conn;
	struct endpoints ends;
	__u32 seq; // place of the first byte in the stream
	__u32 length;
	__u16 copied;
	__u8 direction;
	__u8 tail_length;
	__u8 tail[TAIL]; // the last bytes, whether copied or not
	__u32 unused;
	__u8 data[DATA_MAX * 2]; // as long as copied says; twice, for the verifier
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct http_record);
} http_scratch SEC(".maps");

struct http_close {
	struct record_head head;
	__u64 conn;
};

#define FOUR(a, b, c, d) ((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16 | (__u32)(d) << 24)

// A first sieve: whether it is a head in truth, the receiver's parser knows.
static __always_inline bool looks_like_head(const __u8 *text)
{
	switch (FOUR(text[0], text[1], text[2], text[3])) {
	case FOUR('H', 'T', 'T', 'P'):
		return text[4] == '/' && text[5] == '1';
	case FOUR('G', 'E', 'T', ' '):
	case FOUR('P', 'U', 'T', ' '):
	case FOUR('P', 'O', 'S', 'T'):
	case FOUR('H', 'E', 'A', 'D'):
	case FOUR('D', 'E', 'L', 'E'):
	case FOUR('P', 'A', 'T', 'C'):
	case FOUR('O', 'P', 'T', 'I'):
	case FOUR('C', 'O', 'N', 'N'):
	case FOUR('T', 'R', 'A', 'C'):
		return true;
	}
	return false;
}

static __always_inline __u32 copy_piece(struct http_record *record, __u32 at, void *from, unsigned long length)
{
	if (length > DATA_MAX - 1)
		length = DATA_MAX - 1;
	if (at >= DATA_MAX)
		return at;
	if (bpf_probe_read_user(record->data + (at & (DATA_MAX - 1)), length & (DATA_MAX - 1), from))
		return DATA_MAX; // what follows would stand in the wrong place
	return at + length;
}

// copy_data puts the first bytes of the call behind a carried one, at most DATA_MAX in all.
static __always_inline __u32 copy_data(struct http_record *record, struct io_call *call, __u32 at, __u32 length)
{
	struct user_iovec piece;
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
		at = copy_piece(record, at, piece.base, piece.length);
		length -= piece.length;
	}
	return at;
}

// copy_tail reads the end of the call: by it the receiver knows the last chunk of a chunked body.
static __always_inline void copy_tail(struct http_record *record, struct io_call *call, __u32 length)
{
	struct user_iovec piece = {.base = call->buffer, .length = length};
	__u32 left = length;
	int i;

	record->tail_length = 0;
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
	} else if (left && !bpf_probe_read_user(record->tail, left & (TAIL - 1), piece.base)) {
		record->tail_length = left;
	}
}

static __always_inline void count_overflow(void)
{
	__u32 zero = 0;
	__u64 *overflow = bpf_map_lookup_elem(&http_overflow, &zero);

	if (overflow)
		(*overflow)++;
}

static __always_inline struct http_conn *conn_of(struct sock *sk)
{
	struct http_conn fresh = {};
	__u64 key = (__u64)sk;
	struct http_conn *conn = bpf_map_lookup_elem(&http_conns, &key);

	// What is read after the close would make an entry that nobody takes away.
	if (conn || sk->__sk_common.skc_state == STATE_CLOSE)
		return conn;
	if (bpf_map_update_elem(&http_conns, &key, &fresh, BPF_NOEXIST) == -7 /* E2BIG */)
		count_overflow();
	return bpf_map_lookup_elem(&http_conns, &key);
}

// Go's server reads the first byte of the next request on its own, to learn of a connection that closes.
static __always_inline bool carry_byte(struct http_conn *conn, struct io_call *call, enum direction direction, int length)
{
	void *from = call->buffer;
	struct user_iovec piece;

	if (direction != RECEIVED || length != 1 || conn->carries)
		return false;
	if (call->list) {
		if (bpf_probe_read_user(&piece, sizeof(piece), call->list))
			return false;
		from = piece.base;
	}
	if (bpf_probe_read_user(&conn->carried, 1, from))
		return false;
	// Only what can begin a message; a lone byte of a body must keep its place.
	if (conn->carried < 'A' || conn->carried > 'Z')
		return false;
	conn->carries = 1;
	conn->first_byte_at = bpf_ktime_get_ns();
	return true;
}

// A message that was sent left when its first packet did; by the time the call returns, the other side may have
// received it and even have answered.
static __always_inline __u64 time_of(struct http_conn *conn, struct sock *sk, enum direction direction)
{
	__u64 now = bpf_ktime_get_ns(), sent;

	if (direction == RECEIVED)
		return now;
	sent = BPF_CORE_READ((struct tcp_sock *)sk, first_tx_mstamp) * 1000;
	if (sent <= conn->sent_at || sent > now)
		sent = now;
	conn->sent_at = sent;
	return sent;
}

// decide says whether the bytes are to be told. A connection that was open before the probe may be in the middle of a
// body, so a few calls are allowed to say nothing.
static __always_inline bool decide(struct http_conn *conn, struct http_record *record, enum direction direction, __u32 copied)
{
	if (copied >= 8 && looks_like_head(record->data)) {
		conn->speech = HTTP;
		conn->copies[direction] = HEAD_CALLS;
		return true;
	}
	if (conn->speech == HTTP)
		return true;
	if (++conn->tries >= TRIES)
		conn->speech = OTHER;
	return false;
}

// fill_data copies a head whole, and of the calls behind it those in which it may go on; of a body a few bytes, to see
// that it is one.
static __always_inline bool fill_data(struct http_conn *conn, struct http_record *record, struct io_call *call,
				      enum direction direction, __u32 length)
{
	__u32 carried = 0, copied;
	bool whole = conn->copies[direction] > 0;

	if (direction == RECEIVED && conn->carries) {
		record->data[0] = conn->carried;
		record->head.time = conn->first_byte_at;
		carried = 1;
		conn->carries = 0;
	}
	copied = copy_data(record, call, carried, !whole && length > GLIMPSE ? GLIMPSE : length);
	if (!decide(conn, record, direction, copied))
		return false;
	if (!whole && conn->copies[direction] > 0 && length > GLIMPSE)
		copied = copy_data(record, call, carried, length);
	if (conn->copies[direction] > 0)
		conn->copies[direction]--;
	else
		copied = 0;
	record->copied = copied > DATA_MAX ? DATA_MAX : copied;
	record->length = length + carried;
	return true;
}

static __always_inline void fill_rest(struct http_conn *conn, struct http_record *record, struct sock *sk,
				      enum direction direction)
{
	struct tcp_sock *tcp = (void *)sk;
	__u64 time = record->head.time;

	fill_head(&record->head, KIND_HTTP_DATA, (void *)bpf_get_current_task_btf());
	record->head.time = time;
	record->conn = (__u64)sk;
	record->direction = direction;
	record->unused = 0;
	record->seq = (direction == SENT ? BPF_CORE_READ(tcp, write_seq) : BPF_CORE_READ(tcp, copied_seq)) - record->length;
	fill_endpoints(&record->ends, sk);
}

static __always_inline int on_io(struct sock *sk, int length, int flags, enum direction direction)
{
	struct http_record *record;
	struct http_conn *conn;
	struct io_call call;
	__u32 zero = 0;
	__u64 size;

	if (length <= 0 || !is_inet(sk, PROTOCOL_TCP) || (direction == RECEIVED && flags & FLAG_PEEK))
		return 0;
	if (own_pid && bpf_get_current_pid_tgid() >> 32 == own_pid)
		return 0;
	conn = conn_of(sk);
	if (!conn || conn->speech == OTHER)
		return 0;
	record = bpf_map_lookup_elem(&http_scratch, &zero);
	if (!record)
		return 0;
	current_call(&call); // sendfile, splice and io_uring leave it empty: their length still counts
	if (carry_byte(conn, &call, direction, length))
		return 0;
	record->head.time = time_of(conn, sk, direction);
	if (!fill_data(conn, record, &call, direction, length))
		return 0;
	copy_tail(record, &call, length);
	fill_rest(conn, record, sk, direction);
	size = offsetof(struct http_record, data) + record->copied;
	if (size <= sizeof(*record))
		send(KIND_HTTP_DATA, record, size);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(http_send, struct sock *sk, int length, int flags)
{
	return on_io(sk, length, flags, SENT);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(http_receive, struct sock *sk, int length, int flags)
{
	return on_io(sk, length, flags, RECEIVED);
}

// The close comes in the softirq as often as in the process, so the record names no process.
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(http_state, struct sock *sk, int from, int to)
{
	__u64 key = (__u64)sk;
	struct http_conn *conn;
	struct http_close *record;

	if (to != STATE_CLOSE)
		return 0;
	conn = bpf_map_lookup_elem(&http_conns, &key);
	if (!conn)
		return 0;
	if (conn->speech == HTTP) {
		record = reserve(KIND_HTTP_CLOSE, sizeof(*record));
		if (record) {
			__builtin_memset(record, 0, sizeof(*record));
			record->head.kind = KIND_HTTP_CLOSE;
			record->head.time = bpf_ktime_get_ns();
			record->conn = key;
			submit(KIND_HTTP_CLOSE, record);
		}
	}
	bpf_map_delete_elem(&http_conns, &key);
	return 0;
}
