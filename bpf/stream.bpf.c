//go:build ignore

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// Protocols of programs that nobody instrumented. The program here only tells which connections speak one and copies what
// may be the head of a message; where messages begin and end is found out by the receiver, which gets each piece with its
// place in the stream.
#include "stream.h"
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

	// What is read after the close would make an entry that nobody takes away.
	if (conn || sk->__sk_common.skc_state == STATE_CLOSE)
		return conn;
	if (bpf_map_update_elem(&stream_conns, &key, &fresh, BPF_NOEXIST) == -7 /* E2BIG */)
		count_missed(MISSED_MAP_FULL);
	return bpf_map_lookup_elem(&stream_conns, &key);
}

// Go's server reads the first byte of the next request on its own, to learn of a connection that closes.
static __always_inline bool carry_byte(struct stream_conn *conn, struct io_call *call, enum direction direction, int length)
{
	void *from = call->buffer;
	struct user_iovec piece;

	if (direction != RECEIVED || length != 1 || conn->carries || conn->speech > HTTP)
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

// decide says whether the bytes are to be told. A connection that was open before the probe may be in the middle of a
// body, so a few calls are allowed to say nothing.
static __always_inline bool decide(struct stream_conn *conn, struct stream_record *record, enum direction direction,
				   __u32 copied, __u32 length)
{
	enum speech speech = speech_of(record->data, copied, length);

	if (speech == HTTP && spoken & 1 << HTTP) {
		conn->speech = HTTP;
		conn->copies[direction] = HEAD_CALLS;
		return true;
	}
	if (conn->speech != UNDECIDED)
		return true;
	if (speech > HTTP && spoken & 1 << speech) {
		conn->speech = speech;
		conn->asks = direction;
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

// ends_message tells of a head without a body, behind which nothing is to be copied.
static __always_inline bool ends_message(struct stream_record *record)
{
	return record->tail_length == TAIL && *(__u32 *)(record->tail + 4) == FOUR('\r', '\n', '\r', '\n');
}

// fill_database copies the beginning of a call to a database, or of the answer.
static __always_inline void fill_database(struct stream_conn *conn, struct stream_record *record, struct io_call *call,
					  enum direction direction, __u32 length)
{
	__u32 limit = direction == conn->asks ? QUESTION : ANSWER;
	__u32 copied = copy_data(record, call, 0, length < limit ? length : limit);

	record->copied = copied > DATA_MAX ? 0 : copied;
	record->length = length;
	record->tail_length = 0;
	if (record->copied != length || !tail_of_copy(record, copied))
		copy_tail(record, call, length);
}

// fill_data copies a head whole, and of the calls behind it those in which it may go on; of a body a few bytes, to see
// that it is one.
static __always_inline bool fill_data(struct stream_conn *conn, struct stream_record *record, struct io_call *call,
				      enum direction direction, __u32 length)
{
	bool whole = length <= AT_ONCE || conn->copies[direction] > 0;
	__u32 carried = 0, copied;

	if (direction == RECEIVED && conn->carries) {
		record->data[0] = conn->carried;
		record->head.time = conn->first_byte_at;
		carried = 1;
		conn->carries = 0;
	}
	copied = copy_data(record, call, carried, whole ? length : GLIMPSE);
	if (!decide(conn, record, direction, copied, length + carried))
		return false;
	if (conn->speech > HTTP)
		conn->copies[direction] = 2; // its first call
	if (!whole && conn->copies[direction] > 0)
		copied = copy_data(record, call, carried, length);
	if (copied > DATA_MAX)
		copied = DATA_MAX;
	record->length = length + carried;
	record->tail_length = 0;
	if (copied != record->length || !tail_of_copy(record, copied))
		copy_tail(record, call, length);
	if (conn->copies[direction] == 0)
		copied = 0;
	else if (ends_message(record))
		conn->copies[direction] = 0;
	else
		conn->copies[direction]--;
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

	barrier_var(size); // what is tested is to be what is sent
	record->head.kind = kind;
	record->head.pid = conn->pid;
	record->head.start = conn->start;
	record->head.cgroup = conn->cgroup;
	record->conn = key;
	record->ends = conn->ends;
	record->direction = direction;
	record->encrypted = conn->encrypted;
	__builtin_memcpy(record->comm, conn->comm, sizeof(record->comm));
	if (size <= sizeof(*record))
		send(kind, record, size);
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

static __always_inline int on_io(struct sock *sk, int length, int flags, enum direction direction)
{
	struct stream_record *record;
	struct stream_conn *conn;
	struct tcp_sock *tcp;
	struct io_call call;
	__u32 zero = 0, pid;
	__u64 key;

	if (length <= 0 || !is_inet(sk, PROTOCOL_TCP) || (direction == RECEIVED && flags & FLAG_PEEK))
		return 0;
	pid = bpf_get_current_pid_tgid() >> 32;
	if (own_pid == pid)
		return 0;
	key = bpf_get_socket_cookie(sk);
	conn = conn_of(sk, key);
	if (!conn || conn->speech == OTHER)
		return 0;
	if (conn->speech == TLS) {
		link_ssl(conn, sk, key, pid);
		return 0;
	}
	record = bpf_map_lookup_elem(&stream_scratch, &zero);
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!record || !tcp)
		return 0;
	current_call(&call); // sendfile, splice and io_uring leave it empty: their length still counts
	if (carry_byte(conn, &call, direction, length))
		return 0;
	record->head.time = time_of(conn, tcp, direction);
	if (conn->speech > HTTP)
		fill_database(conn, record, &call, direction, length);
	else if (!fill_data(conn, record, &call, direction, length))
		return 0;
	if (conn->pid != pid)
		identify(conn, sk, pid);
	record->seq = (direction == SENT ? tcp->write_seq : tcp->copied_seq) - record->length;
	send_data(conn, record, key, direction);
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

// The close comes in the softirq as often as in the process, so the record names no process.
static __always_inline void tell_close(struct stream_conn *conn, __u64 key, bool given_up)
{
	__u32 kind = kind_of(conn->speech, STREAM_CLOSE);
	struct stream_close *record = reserve(kind, sizeof(*record));

	if (!record)
		return;
	__builtin_memset(record, 0, sizeof(*record));
	record->head.kind = kind;
	record->head.time = bpf_ktime_get_ns();
	record->conn = key;
	record->given_up = given_up;
	submit(kind, record);
}

// end_ssl ends a connection of TLS; with a socket only if that one is the last it used, for the library uses its memory again.
static __always_inline void end_ssl(__u64 key, __u64 socket, bool given_up)
{
	struct stream_conn *conn = bpf_map_lookup_elem(&stream_conns, &key);

	if (!conn || (socket && conn->socket != socket))
		return;
	if (conn->speech > OTHER)
		tell_close(conn, key, given_up);
	bpf_map_delete_elem(&stream_conns, &key);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(stream_state, struct sock *sk, int from, int to)
{
	struct stream_conn *conn;
	bool given_up;
	__u64 key;

	if (to != STATE_CLOSE)
		return 0;
	key = bpf_get_socket_cookie(sk);
	conn = bpf_map_lookup_elem(&stream_conns, &key);
	if (!conn)
		return 0;
	given_up = from != STATE_CLOSE_WAIT && from != STATE_LAST_ACK && !sk->sk_err;
	if (conn->ssl)
		end_ssl(conn->ssl, key, given_up);
	else if (conn->speech > OTHER)
		tell_close(conn, key, given_up);
	bpf_map_delete_elem(&stream_conns, &key);
	return 0;
}

// told_ssl tells what a call of libssl has moved.
static __always_inline void told_ssl(struct ssl_call *call, __u32 pid, __u32 length)
{
	__u64 key = ssl_key(call->ssl, pid);
	struct stream_conn *conn = bpf_map_lookup_elem(&stream_conns, &key);
	enum direction direction = call->direction & 1;
	struct io_call io = {.buffer = call->buffer};
	struct stream_record *record;
	__u32 zero = 0, seq;

	record = bpf_map_lookup_elem(&stream_scratch, &zero);
	if (!conn || !record) {
		count_loose();
		return;
	}
	seq = conn->at[direction];
	conn->at[direction] += length;
	if (conn->speech == OTHER)
		return;
	record->head.time = direction == SENT ? call->time : bpf_ktime_get_ns();
	if (conn->speech > HTTP)
		fill_database(conn, record, &io, direction, length);
	else if (!fill_data(conn, record, &io, direction, length))
		return;
	record->seq = seq;
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

	read_ssl_registers(&regs, ctx);
	if (regs.first)
		end_ssl(ssl_key(regs.first, bpf_get_current_pid_tgid() >> 32), 0, false);
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
