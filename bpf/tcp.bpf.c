//go:build ignore

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// TCP as its users feel it: bytes, connects, failures, retransmits, resets and round trips by process and peer, summed up
// here; what is rare and significant (a failed connect, a reset, a burst of retransmits) goes to the receiver as a record.
#include "socket.h"

char LICENSE[] SEC("license") = "GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct inet_sock {
	__be16 inet_sport;
};

#pragma clang attribute pop

enum tcp_kind {
	KIND_TCP_FAILED = KIND(PROBE_TCP, 1),
	KIND_TCP_RESET = KIND(PROBE_TCP, 2),
	KIND_TCP_RETRANSMITS = KIND(PROBE_TCP, 3),
	KIND_TCP_CLOSED = KIND(PROBE_TCP, 4),
	KIND_TCP_LISTENS = KIND(PROBE_TCP, 5),
};

enum tcp_role {
	CLIENT = 0,
	SERVER = 1,
};

#define SECOND 1000000000ull
#define RTT_BUCKETS 14

// Set by the receiver.
const volatile __u32 burst = 10; // retransmits of one connection within a second
const volatile bool tell_closed = false;
const volatile __u32 rtt_ticks = 25; // of the kernel's coarse clock, between two samples of a connection that is in use

// The process and its peer. A server's clients come from ports that mean nothing, so its peers are told apart by
// address and by the port that it listens on.
struct tcp_peer {
	__u64 start;
	__u32 pid;
	__u16 port;
	__u16 role;
	__u8 remote[16];
};

struct tcp_stats {
	__u64 cgroup;
	__u64 first;
	__u64 last;
	__u64 sent;
	__u64 received;
	__u64 connects;
	__u64 accepts;
	__u64 refused;
	__u64 timed_out;
	__u64 unreachable;
	__u64 otherwise_failed;
	__u64 retransmits;
	__u64 resets_sent;
	__u64 resets_received;
	__u64 rtt_sum; // microseconds
	__u64 rtt[RTT_BUCKETS];
};

struct tcp_conn {
	struct tcp_peer peer; // pid 0 until a process uses what was accepted
	__u64 cgroup;
	__u64 opened; // 0 if it was open before the probe
	__u64 sent;
	__u64 received;
	__u64 rtt_at;
	__u64 burst_at;
	__u32 burst_count;
	__u32 retransmits;
};

struct tcp_record {
	struct record_head head;
	struct endpoints ends;
	__u64 opened;
	__u64 sent;
	__u64 received;
	__u32 rtt; // microseconds, smoothed
	__u32 retransmits; // of the connection, or of the burst
	__s32 error; // errno of a failed connect
	__u8 role;
	__u8 direction; // of a reset
	__u8 unused[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 32768);
	__type(key, __u64);
	__type(value, struct tcp_conn);
} tcp_conns SEC(".maps");

// Connections that were closed at once, without a farewell: the reset that such a close sends comes after it.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, __u64);
	__type(value, struct tcp_conn);
} tcp_aborted SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192);
	__type(key, struct tcp_peer);
	__type(value, struct tcp_stats);
} tcp_peers SEC(".maps");

// What a full map kept out, each time that it would have counted; and the entries made in tcp_peers, by which the receiver
// knows when to make room.
enum tcp_counter {
	CONNECTIONS_FULL,
	PEERS_FULL,
	PEERS_ADDED,
	TCP_COUNTERS,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TCP_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} tcp_counters SEC(".maps");

static __always_inline void count_tcp(__u32 which)
{
	__u64 *counter = bpf_map_lookup_elem(&tcp_counters, &which);

	if (counter)
		(*counter)++;
}

static __always_inline struct tcp_stats *stats_of(struct tcp_conn *conn)
{
	struct tcp_stats *stats = bpf_map_lookup_elem(&tcp_peers, &conn->peer);
	__u64 now = bpf_ktime_get_ns();

	if (!stats) {
		struct tcp_stats fresh = {.cgroup = conn->cgroup, .first = now};

		bpf_map_update_elem(&tcp_peers, &conn->peer, &fresh, BPF_NOEXIST);
		stats = bpf_map_lookup_elem(&tcp_peers, &conn->peer);
		if (!stats) {
			count_tcp(PEERS_FULL);
			return NULL;
		}
		count_tcp(PEERS_ADDED);
	}
	stats->last = now;
	return stats;
}

// stats_in_use is the same without a look at the clock: sample_rtt sets it often enough.
static __always_inline struct tcp_stats *stats_in_use(struct tcp_conn *conn)
{
	struct tcp_stats *stats = bpf_map_lookup_elem(&tcp_peers, &conn->peer);

	return stats ? stats : stats_of(conn);
}

#define ADD(stats, field, n)                                     \
	do {                                                     \
		struct tcp_stats *to = (stats);                  \
		if (to)                                          \
			__sync_fetch_and_add(&to->field, n);     \
	} while (0)

static __always_inline void own(struct tcp_conn *conn)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();

	conn->peer.pid = bpf_get_current_pid_tgid() >> 32;
	conn->peer.start = start_of(task);
	conn->cgroup = cgroup_of(task);
}

static __always_inline struct tcp_conn *open_conn(struct sock *sk, enum tcp_role role, __u64 opened)
{
	struct tcp_conn fresh = {.opened = opened};
	struct endpoints ends;
	__u64 key = (__u64)sk;

	fill_endpoints(&ends, sk);
	fresh.peer.role = role;
	fresh.peer.port = role == CLIENT ? ends.remote_port : ends.local_port;
	__builtin_memcpy(fresh.peer.remote, ends.remote, sizeof(ends.remote));
	if (opened == 0 || role == CLIENT)
		own(&fresh);
	if (bpf_map_update_elem(&tcp_conns, &key, &fresh, BPF_ANY))
		count_tcp(CONNECTIONS_FULL);
	return bpf_map_lookup_elem(&tcp_conns, &key);
}

static __always_inline __u32 bucket_of(__u32 rtt)
{
	static const __u32 bounds[RTT_BUCKETS - 1] = {50,    100,   250,   500,    1000,   2500,  5000,
						      10000, 25000, 50000, 100000, 250000, 1000000};
	__u32 i;

	for (i = 0; i < RTT_BUCKETS - 1; i++)
		if (rtt <= bounds[i])
			break;
	return i;
}

static __always_inline __u32 rtt_of(struct sock *sk)
{
	return BPF_CORE_READ((struct tcp_sock *)sk, srtt_us) >> 3;
}

static __always_inline void sample_rtt(struct sock *sk, struct tcp_conn *conn, struct tcp_stats *stats)
{
	__u64 now = bpf_jiffies64(); // costs a load, where the exact clock costs as much as the rest
	__u32 rtt, bucket;

	if (conn->rtt_at && now - conn->rtt_at < rtt_ticks)
		return;
	stats->last = bpf_ktime_get_ns();
	rtt = rtt_of(sk);
	if (!rtt)
		return;
	conn->rtt_at = now;
	bucket = bucket_of(rtt);
	if (bucket >= RTT_BUCKETS)
		return;
	__sync_fetch_and_add(&stats->rtt[bucket], 1);
	__sync_fetch_and_add(&stats->rtt_sum, rtt);
}

// begin_record is to be followed by the question whether there is room for one, with nothing between: asked twice, the
// verifiers of older kernels (6.1) take a record that is there for one that may be none, and miss its end.
static __always_inline struct tcp_record *begin_record(__u32 kind, struct sock *sk, struct tcp_conn *conn)
{
	struct tcp_record *record = reserve(kind, sizeof(*record));

	if (!record)
		return NULL;
	__builtin_memset(record, 0, sizeof(*record));
	record->head.kind = kind;
	record->head.pid = conn->peer.pid;
	record->head.start = conn->peer.start;
	record->head.cgroup = conn->cgroup;
	record->head.time = bpf_ktime_get_ns();
	fill_endpoints(&record->ends, sk);
	// A connection that closes gives its port back first, but does not forget it.
	if (!record->ends.local_port)
		record->ends.local_port = __builtin_bswap16(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	record->opened = conn->opened;
	record->sent = conn->sent;
	record->received = conn->received;
	record->retransmits = conn->retransmits;
	record->rtt = rtt_of(sk);
	record->role = conn->peer.role;
	return record;
}

#define ECANCELED 125

static __always_inline void connect_failed(struct sock *sk, struct tcp_conn *conn)
{
	struct tcp_stats *stats = stats_of(conn);
	struct tcp_record *record;
	int error = sk->sk_err;

	if (!error)
		error = ECANCELED; // closed by its process before there was an answer
	record = begin_record(KIND_TCP_FAILED, sk, conn);
	if (record) {
		record->error = error;
		submit(KIND_TCP_FAILED, record);
	}
	if (error == 111)
		ADD(stats, refused, 1);
	else if (error == 110)
		ADD(stats, timed_out, 1);
	else if (error == 113 || error == 101)
		ADD(stats, unreachable, 1);
	else
		ADD(stats, otherwise_failed, 1);
}

static __always_inline void close_conn(struct sock *sk, struct tcp_conn *conn, int from)
{
	struct tcp_record *record;
	__u64 key = (__u64)sk;

	if (from == STATE_SYN_SENT) {
		connect_failed(sk, conn);
	} else {
		// One that was accepted and never used still counts, with no process.
		if (conn->peer.role == SERVER && !conn->peer.pid)
			ADD(stats_of(conn), accepts, 1);
		if (tell_closed && (record = begin_record(KIND_TCP_CLOSED, sk, conn)))
			submit(KIND_TCP_CLOSED, record);
		if ((from == STATE_ESTABLISHED || from == STATE_CLOSE_WAIT) && !sk->sk_err)
			bpf_map_update_elem(&tcp_aborted, &key, conn, BPF_ANY);
	}
	bpf_map_delete_elem(&tcp_conns, &key);
}

// Who listens where: of what is refused later nothing else says who should have answered.
static __always_inline void listens(struct sock *sk)
{
	struct tcp_record *record = reserve(KIND_TCP_LISTENS, sizeof(*record));

	if (!record)
		return;
	__builtin_memset(record, 0, sizeof(*record));
	fill_head(&record->head, KIND_TCP_LISTENS, (void *)bpf_get_current_task_btf());
	fill_endpoints(&record->ends, sk);
	submit(KIND_TCP_LISTENS, record);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_state, struct sock *sk, int from, int to)
{
	__u64 key = (__u64)sk, now = bpf_ktime_get_ns();
	struct tcp_stats *stats;
	struct tcp_conn *conn;

	if (sk->sk_protocol != PROTOCOL_TCP)
		return 0;
	if (to == STATE_LISTEN) {
		listens(sk);
	} else if (to == STATE_SYN_SENT) {
		open_conn(sk, CLIENT, now);
	} else if (to == STATE_ESTABLISHED && from == STATE_SYN_RECV) {
		open_conn(sk, SERVER, now);
	} else if (to == STATE_ESTABLISHED) {
		conn = bpf_map_lookup_elem(&tcp_conns, &key);
		stats = conn ? stats_of(conn) : NULL;
		if (stats) {
			ADD(stats, connects, 1);
			sample_rtt(sk, conn, stats);
		}
	} else if (to == STATE_CLOSE) {
		conn = bpf_map_lookup_elem(&tcp_conns, &key);
		if (conn)
			close_conn(sk, conn, from);
	}
	return 0;
}

// used finds the connection, and with its first use by a process whose it is. The role of one that is older than the
// probe is guessed: servers have the lower port.
static __always_inline struct tcp_conn *used(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct tcp_conn *conn = bpf_map_lookup_elem(&tcp_conns, &key);

	if (!conn) {
		if (sk->__sk_common.skc_state == STATE_CLOSE)
			return NULL;
		return open_conn(sk, sk->__sk_common.skc_num < __builtin_bswap16(sk->__sk_common.skc_dport) ? SERVER : CLIENT, 0);
	}
	if (!conn->peer.pid) {
		own(conn);
		ADD(stats_of(conn), accepts, 1);
	}
	return conn;
}

static __always_inline int on_io(struct sock *sk, int length, int flags, enum direction direction)
{
	struct tcp_stats *stats;
	struct tcp_conn *conn;

	if (length <= 0 || !is_inet(sk, PROTOCOL_TCP) || (direction == RECEIVED && flags & FLAG_PEEK))
		return 0;
	conn = used(sk);
	stats = conn ? stats_in_use(conn) : NULL;
	if (!stats)
		return 0;
	if (direction == SENT) {
		__sync_fetch_and_add(&stats->sent, length);
		__sync_fetch_and_add(&conn->sent, length);
	} else {
		__sync_fetch_and_add(&stats->received, length);
		__sync_fetch_and_add(&conn->received, length);
	}
	sample_rtt(sk, conn, stats);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(tcp_send, struct sock *sk, int length, int flags)
{
	return on_io(sk, length, flags, SENT);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(tcp_receive, struct sock *sk, int length, int flags)
{
	return on_io(sk, length, flags, RECEIVED);
}

// In the softirq current is the process that was interrupted, so the process is the one that the connection remembers.
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(tcp_retransmit, struct sock *sk)
{
	__u64 key = (__u64)sk, now = bpf_ktime_get_ns();
	struct tcp_conn *conn = bpf_map_lookup_elem(&tcp_conns, &key);
	struct tcp_record *record;

	if (!conn)
		return 0;
	ADD(stats_of(conn), retransmits, 1);
	conn->retransmits++;
	if (now - conn->burst_at > SECOND) {
		conn->burst_at = now;
		conn->burst_count = 0;
	}
	if (++conn->burst_count != burst)
		return 0;
	record = begin_record(KIND_TCP_RETRANSMITS, sk, conn);
	if (record) {
		record->retransmits = burst;
		submit(KIND_TCP_RETRANSMITS, record);
	}
	return 0;
}

static __always_inline void tell_reset(struct sock *sk, struct tcp_conn *conn, enum direction direction)
{
	struct tcp_record *record = begin_record(KIND_TCP_RESET, sk, conn);

	if (!record)
		return;
	record->direction = direction;
	submit(KIND_TCP_RESET, record);
}

// What answers a connect with a reset is a failed connect, reported as such.
SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(tcp_receive_reset, struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct tcp_conn *conn = bpf_map_lookup_elem(&tcp_conns, &key);

	if (!conn || sk->__sk_common.skc_state == STATE_SYN_SENT)
		return 0;
	ADD(stats_of(conn), resets_received, 1);
	tell_reset(sk, conn, RECEIVED);
	return 0;
}

// A reset without a connection answers an unexpected packet: there is no process to report it for.
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(tcp_send_reset, struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct tcp_conn *conn;

	if (!sk)
		return 0;
	conn = bpf_map_lookup_elem(&tcp_conns, &key);
	if (!conn)
		conn = bpf_map_lookup_elem(&tcp_aborted, &key);
	if (!conn)
		return 0;
	ADD(stats_of(conn), resets_sent, 1);
	tell_reset(sk, conn, SENT);
	bpf_map_delete_elem(&tcp_aborted, &key);
	return 0;
}
