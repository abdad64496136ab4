//go:build ignore

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// Protocols of programs without instrumentation. The program here only finds the connections that speak one and copies what
// may be the head of a message; where messages begin and end is found out by the receiver, which gets each piece with its
// place in the stream.
#include "stream.h"
#include "exchange.h"
#include "tls.h"

char LICENSE[] SEC("license") = "GPL";

static __always_inline __u32 kind_of(enum speech speech, enum stream_kind kind)
{
	if (speech == REDIS)
		return KIND(PROBE_REDIS, kind);
	if (speech == POSTGRESQL)
		return KIND(PROBE_POSTGRESQL, kind);
	return KIND(PROBE_HTTP, kind);
}

static __always_inline struct stream_conn *conn_of(struct sock *sk, __u64 key)
{
	struct stream_conn fresh = {};
	struct stream_conn *conn = bpf_map_lookup_elem(&stream_conns, &key);

	// What is read after the close would make an entry that is never removed.
	if (conn || sk->__sk_common.skc_state == STATE_CLOSE)
		return conn;
	if (bpf_map_update_elem(&stream_conns, &key, &fresh, BPF_NOEXIST) == -7 /* E2BIG */)
		count_missed(MISSED_MAP_FULL);
	return bpf_map_lookup_elem(&stream_conns, &key);
}

// hold keeps bytes for the next call, which needs them: the first ones of a connection, if they are too few to recognize
// what it speaks, and the one that Go's server reads by itself to learn of a connection that closes.
static __always_inline bool hold(struct stream_conn *conn, struct io_call *call, enum direction direction, int length)
{
	__u32 held = conn->held[direction & 1] & (HELD - 1), size = length;
	void *from = call->buffer;
	struct user_iovec piece;

	if (conn->speech > HTTP || held + size >= HELD)
		return false;
	if (conn->speech == HTTP && (direction != RECEIVED || size != 1 || held || conn->last != SENT))
		return false;
	if (!from && call->list) {
		if (bpf_probe_read_user(&piece, sizeof(piece), call->list) || piece.length < size)
			return false;
		from = piece.base;
	}
	within(held, HELD - 1);
	within(size, HELD - 1);
	if (!from || bpf_probe_read_user(conn->text[direction & 1] + held, size, from))
		return false;
	// Only what can begin a message; a lone byte of a body must keep its place.
	if (conn->speech == HTTP && (conn->text[direction & 1][0] < 'A' || conn->text[direction & 1][0] > 'Z'))
		return false;
	if (!held)
		conn->first_byte_at = bpf_ktime_get_ns();
	conn->held[direction & 1] = held + size;
	return true;
}

// A message that was sent left when its first packet did; by the time the call returns, the other side may have
// received it and even have answered.
static __always_inline __u64 time_of(struct stream_conn *conn, struct tcp_sock *tcp, enum direction direction)
{
	__u64 now = bpf_ktime_get_ns(), sent;

	if (direction == RECEIVED)
		return now;
	sent = tcp->first_tx_mstamp * 1000;
	if (sent <= conn->sent_at || sent > now)
		sent = now;
	conn->sent_at = sent;
	return sent;
}

// decide returns whether the bytes are reported. A connection that was open before the probe may be in the middle of a
// body, so a few calls are allowed to say nothing.
static __always_inline bool decide(struct stream_conn *conn, struct stream_record *record, enum direction direction,
				   __u32 copied, __u32 length)
{
	enum speech speech = speech_of_call(copied, length);

	if (speech == HTTP && spoken & 1 << HTTP) {
		conn->speech = HTTP;
		conn->copies[direction & 1] = DATA_MAX;
		return true;
	}
	if (conn->speech != UNDECIDED) {
		if (length <= SHORT && !conn->copies[direction & 1])
			conn->copies[direction & 1] = DATA_MAX;
		return true;
	}
	if (speech > HTTP && spoken & 1 << speech) {
		conn->speech = speech;
		conn->asks = speech == REDIS && looks_like_refusal(record->data) ? !direction : direction;
		return speech != TLS;
	}
	if (++conn->tries >= TRIES)
		conn->speech = OTHER;
	return false;
}

// tail_of_copy takes the end of the call from what was copied anyway.
static __always_inline bool tail_of_copy(struct stream_record *record, __u32 copied)
{
	unsigned long at = copied - TAIL;

	if (copied < TAIL || copied > DATA_MAX)
		return false;
	within(at, DATA_MAX - 1);
	*(__u64 *)record->tail = *(__u64 *)(record->data + at);
	record->tail_length = TAIL;
	return true;
}

// ends_message recognizes a head without a body, behind which nothing is to be copied.
static __always_inline bool ends_message(struct stream_record *record)
{
	return record->tail_length == TAIL && *(__u32 *)(record->tail + 4) == FOUR('\r', '\n', '\r', '\n');
}

// skip_text passes over a text of Redis of which the length is known, and returns how much of the call is to be copied.
static __always_inline __u32 skip_text(struct stream_conn *conn, struct stream_record *record, enum direction direction, __u32 length)
{
	__u32 skip = conn->skip[direction & 1], n = 0;
	int i;

	if (skip >= length) {
		conn->skip[direction & 1] = skip - length;
		return 0;
	}
	conn->skip[direction & 1] = 0;
	if (skip || length < GLIMPSE || copy_data(0, GLIMPSE) < GLIMPSE || record->data[0] != '$')
		return length;
	for (i = 1; i < 9; i++) {
		if (!is_digit(record->data[i]))
			break;
		n = n * 10 + record->data[i] - '0';
	}
	n += i + 4; // with both ends of lines
	if (record->data[i] != '\r' || n < length)
		return length;
	conn->skip[direction & 1] = n - length;
	return GLIMPSE;
}

// fill_database copies the beginning of a call to a database, or of the answer.
static __always_inline void fill_database(struct stream_conn *conn, struct stream_record *record, enum direction direction,
					  __u32 length)
{
	__u32 limit = length, copied;

	if (conn->speech == REDIS)
		limit = skip_text(conn, record, direction, length);
	else if (direction != conn->asks && limit > ANSWER)
		limit = ANSWER;
	copied = copy_data(0, limit);
	record->copied = copied > DATA_MAX ? DATA_MAX : copied;
	record->length = length;
	record->tail_length = 0;
	copy_tail(length, LONG_TAIL);
}

// fill_data copies a head whole, and of the calls behind it those in which it may go on; of a body a few bytes, to see
// that it is one.
static __always_inline bool fill_data(struct stream_conn *conn, struct stream_record *record, enum direction direction, __u32 length)
{
	__u32 *copies = &conn->copies[direction & 1], held = conn->held[direction & 1] & (HELD - 1), first = length, copied;
	bool whole = length <= AT_ONCE || *copies, ended;

	if (held) {
		*(__u64 *)record->data = *(__u64 *)conn->text[direction & 1];
		record->head.time = conn->first_byte_at;
		conn->held[direction & 1] = 0;
	}
	if (first > DATA_FIRST)
		first = DATA_FIRST;
	copied = copy_data(held, whole ? first : GLIMPSE);
	if (!decide(conn, record, direction, copied, length + held))
		return false;
	if (conn->speech > HTTP)
		*copies = DATA_MAX; // its first call
	if (!whole && *copies)
		copied = copy_data(held, first);
	ended = length > first && *copies && head_ends(copied);
	if (length > first && *copies && !ended)
		copied = copy_data(held, length);
	if (copied > DATA_MAX)
		copied = DATA_MAX;
	record->length = length + held;
	record->tail_length = 0;
	if (conn->speech > HTTP)
		copy_tail(length, LONG_TAIL);
	else if (copied != record->length || !tail_of_copy(record, copied))
		copy_tail(length, TAIL);
	if (!*copies && length > GLIMPSE)
		copied = 0;
	if (ended || ends_message(record) || *copies < record->length)
		*copies = 0;
	else
		*copies -= record->length;
	record->copied = copied;
	return true;
}

static __always_inline void identify(struct stream_conn *conn, struct sock *sk, __u32 pid)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();

	conn->start = start_of(task);
	conn->cgroup = cgroup_of(task);
	fill_endpoints(&conn->ends, sk);
	bpf_get_current_comm(conn->comm, sizeof(conn->comm));
	conn->pid = pid;
}

static __always_inline void send_data(struct stream_conn *conn, struct stream_record *record, __u64 key,
				      enum direction direction)
{
	__u32 kind = kind_of(conn->speech, STREAM_DATA);
	__u64 size = offsetof(struct stream_record, data) + record->copied;
	struct thread_reads *reads;

	barrier_var(size); // what is tested is to be what is sent
	record->head.kind = kind;
	record->head.pid = conn->pid;
	record->head.start = conn->start;
	record->head.cgroup = conn->cgroup;
	record->conn = key;
	record->ends = conn->ends;
	record->direction = direction;
	record->encrypted = conn->encrypted;
	record->asks = conn->asks;
	record->thread = bpf_get_current_pid_tgid();
	__builtin_memcpy(record->comm, conn->comm, sizeof(record->comm));
	reads = reads_of_thread();
	record->unseen = reads ? reads->unseen : 0;
	if (reads)
		note_serving(reads, record, conn->speech, direction);
	if (size <= sizeof(*record) && !send(kind, record, size) && reads)
		reads->unseen++;
}

// link_ssl makes the entry of the connection of TLS whose library is using this socket.
static __always_inline void link_ssl(struct stream_conn *conn, struct sock *sk, __u64 socket, __u32 pid)
{
	__u64 thread = bpf_get_current_pid_tgid(), key;
	struct ssl_call *call = bpf_map_lookup_elem(&ssl_calls, &thread);
	struct stream_conn fresh = {.encrypted = 1, .socket = socket};

	if (!call)
		return; // a handshake by itself
	key = ssl_key(call->ssl, pid);
	if (conn->ssl == key)
		return;
	identify(&fresh, sk, pid);
	if (bpf_map_update_elem(&stream_conns, &key, &fresh, BPF_ANY))
		count_missed(MISSED_MAP_FULL);
	else
		conn->ssl = key;
}

// read_to is the place behind the last byte that was read. The end of the stream counts as a byte once it was read, be it
// with the last one.
static __always_inline __u32 read_to(struct sock *sk, struct tcp_sock *tcp)
{
	__u8 state = sk->__sk_common.skc_state;
	bool got_end = state == STATE_CLOSE_WAIT || state == STATE_LAST_ACK || state == STATE_CLOSING || state == STATE_CLOSE;

	return tcp->copied_seq - (got_end && tcp->copied_seq == tcp->rcv_nxt);
}

// place finds where in the streams the bytes of the record are. The counts of bytes may be one too high: the begin of the
// connection counts as a byte that was sent, and its end as one received, which may come at this very moment.
static __always_inline void place(struct stream_conn *conn, struct stream_record *record, struct sock *sk, struct tcp_sock *tcp,
				  enum direction direction)
{
	__u32 read = read_to(sk, tcp);
	__u64 so_far;

	if (direction == SENT) {
		record->seq = tcp->write_seq - record->length;
		record->other = read - conn->held[RECEIVED];
		so_far = tcp->bytes_acked + (__u32)(tcp->write_seq - tcp->snd_una);
	} else {
		record->seq = read - record->length;
		record->other = tcp->write_seq - conn->held[SENT];
		so_far = tcp->bytes_received - (__u32)(tcp->rcv_nxt - tcp->copied_seq);
	}
	record->first = so_far <= (__u64)record->length + 1;
	conn->at[direction & 1] = record->seq + record->length;
	if (!conn->at[!direction])
		conn->at[!direction] = record->other;
}

// may_pass leaves out what belongs to an exchange that is counted here.
static __always_inline bool may_pass(struct stream_conn *conn, struct stream_record *record, struct io_call *call,
				     struct tcp_sock *tcp, __u64 key, __u32 pid, enum direction direction, __u32 length)
{
	struct passage at = {
		.key = key, .time = record->head.time, .buffer = call->buffer, .list = call->list, .length = length,
		.next = {tcp->copied_seq, tcp->write_seq}, .direction = direction, .pid = pid,
	};
	struct exchanges *x;

	if (conn->speech != HTTP || !exact_requests)
		return false;
	x = bpf_map_lookup_elem(&stream_exchanges, &key);
	return x && pass_exchange(x, conn, record, &at);
}

// look_into reports what passed, and returns whether the receiver learns of it.
static __always_inline bool look_into(struct sock *sk, int length, enum direction direction)
{
	struct stream_record *record;
	struct stream_conn *conn;
	struct tcp_sock *tcp;
	struct io_call *call;
	bool told = true;
	__u32 pid;
	__u64 key;

	pid = bpf_get_current_pid_tgid() >> 32;
	if (own_pid == pid)
		return true;
	key = bpf_get_socket_cookie(sk);
	conn = conn_of(sk, key);
	if (!conn || conn->speech == OTHER)
		return false;
	if (conn->speech == TLS) {
		link_ssl(conn, sk, key, pid);
		return false;
	}
	record = scratch_record();
	call = scratch_call();
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!record || !call || !tcp)
		return false;
	current_call(call);
	if (hold(conn, call, direction, length))
		return true;
	record->head.time = time_of(conn, tcp, direction);
	if (may_pass(conn, record, call, tcp, key, pid, direction, length)) {
		conn->last = direction;
		return false;
	}
	if (conn->speech > HTTP)
		fill_database(conn, record, direction, length);
	else
		told = fill_data(conn, record, direction, length);
	conn->last = direction;
	if (!told)
		return false;
	if (conn->pid != pid)
		identify(conn, sk, pid);
	place(conn, record, sk, tcp, direction);
	record->shift = 0;
	if (conn->speech == HTTP && exact_requests)
		follow(record, key, direction);
	send_data(conn, record, key, direction);
	return true;
}

static __always_inline int on_io(struct sock *sk, int length, int flags, enum direction direction)
{
	bool seen;

	if (length <= 0 || (direction == RECEIVED && flags & FLAG_PEEK))
		return 0;
	seen = is_inet(sk, PROTOCOL_TCP) && look_into(sk, length, direction);
	if (!seen && direction == RECEIVED && may_ask(sk))
		count_unseen();
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(stream_send, struct sock *sk, int length, int flags)
{
	return on_io(sk, length, flags, SENT);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(stream_receive, struct sock *sk, int length, int flags)
{
	return on_io(sk, length, flags, RECEIVED);
}

struct ending {
	__u64 peer_ended_at;
	__u32 next[2];
	__u32 given_up;
	__u32 unread;
	__u32 reset;
};

// The close comes in the softirq as often as in the process, so the record names no process.
static __always_inline void tell_close(struct stream_conn *conn, __u64 key, struct ending *ending)
{
	__u32 kind = kind_of(conn->speech, STREAM_CLOSE);
	struct stream_close *record = reserve(kind, sizeof(*record));

	if (!record)
		return;
	__builtin_memset(record, 0, sizeof(*record));
	record->head.kind = kind;
	record->head.time = bpf_ktime_get_ns();
	record->conn = key;
	record->peer_ended_at = ending->peer_ended_at;
	record->next[RECEIVED] = ending->next[RECEIVED];
	record->next[SENT] = ending->next[SENT];
	record->given_up = ending->given_up;
	record->reset = ending->reset;
	record->unread = ending->unread;
	submit(kind, record);
}

// end_ssl ends a connection of TLS; with a socket only if that one is the last it used, for the library uses its memory again.
static __always_inline void end_ssl(__u64 key, __u64 socket, struct ending *ending)
{
	struct stream_conn *conn = bpf_map_lookup_elem(&stream_conns, &key);

	if (!conn || (socket && conn->socket != socket))
		return;
	ending->next[RECEIVED] = conn->at[RECEIVED] - conn->held[RECEIVED];
	ending->next[SENT] = conn->at[SENT] - conn->held[SENT];
	ending->unread = 0;
	if (conn->speech > OTHER)
		tell_close(conn, key, ending);
	bpf_map_delete_elem(&stream_conns, &key);
}

// fill_ending finds where the streams ended. The end of a stream counts as one of its bytes once it was sent, and once it
// was read.
static __always_inline void fill_ending(struct ending *ending, struct stream_conn *conn, struct sock *sk, struct tcp_sock *tcp, int from,
					int to)
{
	bool sent_end = from == STATE_FIN_WAIT1 || from == STATE_FIN_WAIT2 || from == STATE_CLOSING || from == STATE_LAST_ACK;
	bool got_end = from == STATE_CLOSE_WAIT || from == STATE_CLOSING || from == STATE_LAST_ACK || from == STATE_FIN_WAIT2;
	__u32 unread = tcp->rcv_nxt - tcp->copied_seq;

	ending->next[SENT] = tcp->write_seq - sent_end - conn->held[SENT];
	ending->next[RECEIVED] = tcp->copied_seq - conn->held[RECEIVED];
	if (got_end && unread)
		unread--;
	else if (got_end)
		ending->next[RECEIVED]--;
	ending->unread = unread;
	ending->peer_ended_at = conn->peer_ended_at;
	ending->reset = from == STATE_CLOSE_WAIT && sk->sk_err;
	ending->given_up = from != STATE_CLOSE_WAIT && from != STATE_LAST_ACK && !sk->sk_err && sk->sk_shutdown == SHUT_BOTH_WAYS;
}

// end_exchanges sends what was held back. The receiver removes the entry, with what was counted.
static __always_inline void end_exchanges(struct stream_conn *conn, __u64 key)
{
	struct exchanges *x = bpf_map_lookup_elem(&stream_exchanges, &key);

	if (!x)
		return;
	hand_over(x, conn, key);
	send_rest(x, key);
}

// A connection ends for its program when that closes the socket, whatever packets still follow. Before that, it ends when
// the kernel gives it up.
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(stream_state, struct sock *sk, int from, int to)
{
	struct ending ending = {};
	struct stream_conn *conn;
	struct tcp_sock *tcp;
	bool closed;
	__u64 key;

	closed = to == STATE_CLOSE || ((to == STATE_FIN_WAIT1 || to == STATE_LAST_ACK) && sk->sk_shutdown == SHUT_BOTH_WAYS);
	if (!closed && to != STATE_CLOSE_WAIT)
		return 0;
	key = bpf_get_socket_cookie(sk);
	conn = bpf_map_lookup_elem(&stream_conns, &key);
	if (!conn)
		return 0;
	if (!closed) {
		conn->peer_ended_at = bpf_ktime_get_ns();
		return 0;
	}
	tcp = bpf_skc_to_tcp_sock(sk);
	if (tcp)
		fill_ending(&ending, conn, sk, tcp, from, to);
	if (exact_requests && conn->speech == HTTP)
		end_exchanges(conn, key);
	if (conn->ssl)
		end_ssl(conn->ssl, key, &ending);
	else if (conn->speech > OTHER)
		tell_close(conn, key, &ending);
	bpf_map_delete_elem(&stream_conns, &key);
	return 0;
}

// told_ssl reports what a call of libssl has moved.
static __always_inline void told_ssl(struct ssl_call *call, __u32 pid, __u32 length)
{
	__u64 key = ssl_key(call->ssl, pid);
	struct stream_conn *conn = bpf_map_lookup_elem(&stream_conns, &key);
	enum direction direction = call->direction & 1;
	struct stream_record *record = scratch_record();
	struct io_call *io = scratch_call();
	bool told = true;

	if (!conn || !record || !io) {
		count_loose();
		return;
	}
	__builtin_memset(io, 0, sizeof(*io));
	io->buffer = call->buffer;
	conn->at[direction] += length;
	if (conn->speech == OTHER || hold(conn, io, direction, length))
		return;
	record->head.time = direction == SENT ? call->time : bpf_ktime_get_ns();
	if (conn->speech > HTTP)
		fill_database(conn, record, direction, length);
	else
		told = fill_data(conn, record, direction, length);
	conn->last = direction;
	if (!told)
		return;
	record->seq = conn->at[direction] - record->length;
	record->other = conn->at[!direction] - conn->held[!direction];
	record->first = record->seq == 0;
	record->shift = 0;
	send_data(conn, record, key, direction);
}

SEC("uprobe.multi/ssl_read")
int ssl_read(void *ctx)
{
	enter_ssl(ctx, RECEIVED, false);
	return 0;
}

SEC("uprobe.multi/ssl_read_ex")
int ssl_read_ex(void *ctx)
{
	enter_ssl(ctx, RECEIVED, true);
	return 0;
}

SEC("uprobe.multi/ssl_write")
int ssl_write(void *ctx)
{
	enter_ssl(ctx, SENT, false);
	return 0;
}

SEC("uprobe.multi/ssl_write_ex")
int ssl_write_ex(void *ctx)
{
	enter_ssl(ctx, SENT, true);
	return 0;
}

SEC("uretprobe.multi/ssl_return")
int ssl_return(void *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid(), bytes = 0;
	struct ssl_call *found = bpf_map_lookup_elem(&ssl_calls, &thread);
	struct ssl_registers regs = {};
	struct ssl_call call;
	int result;

	if (!found)
		return 0;
	call = *found;
	bpf_map_delete_elem(&ssl_calls, &thread);
	read_ssl_registers(&regs, ctx);
	result = regs.result;
	if (result <= 0)
		return 0;
	if (call.bytes && bpf_probe_read_user(&bytes, sizeof(bytes), (void *)call.bytes))
		return 0;
	if (!call.bytes)
		bytes = result;
	if (bytes && bytes < 1 << 30)
		told_ssl(&call, thread >> 32, bytes);
	return 0;
}

SEC("uprobe.multi/ssl_free")
int ssl_free(void *ctx)
{
	struct ssl_registers regs = {};
	struct ending ending = {};

	read_ssl_registers(&regs, ctx);
	if (regs.first)
		end_ssl(ssl_key(regs.first, bpf_get_current_pid_tgid() >> 32), 0, &ending);
	return 0;
}

// A process that begins may bring a libssl that is not watched yet.
SEC("tp_btf/sched_process_exec")
int BPF_PROG(tls_exec, struct task_struct *task, int old_pid, struct linux_binprm *binary)
{
	struct record_head *record = reserve(KIND(PROBE_TLS, 1), sizeof(*record));

	if (!record)
		return 0;
	fill_head(record, KIND(PROBE_TLS, 1), task);
	submit(KIND(PROBE_TLS, 1), record);
	return 0;
}
