//go:build ignore

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// Questions to name servers and their answers, as the process that asks sends and receives them, over UDP and TCP.
#include "socket.h"

char LICENSE[] SEC("license") = "GPL";

enum dns_kind {
	KIND_DNS_MESSAGE = KIND(PROBE_DNS, 1),
};

#define DNS_PORT 53
#define DNS_MAX 512 // of a message, a power of two; the question stands at its begin
#define MESSAGES 2 // of one sendmmsg: the C library asks for both kinds of address with one

struct dns_record {
	struct record_head head;
	__u64 sock;
	struct endpoints ends;
	__u32 length;
	__u16 copied;
	__u8 direction;
	__u8 tcp;
	__u8 data[DNS_MAX * 2]; // as long as copied says; twice, for the verifier
};

// UDP sockets that are not connected and asked a name server: the server's address, because the answer does not contain it.
// There is no event when such a socket closes, so the least recently used ones are evicted.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} dns_askers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct dns_record);
} dns_scratch SEC(".maps");

struct user_sockaddr {
	__u16 family;
	__be16 port;
	union {
		__be32 v4;
		struct {
			__u32 flow;
			__u8 v6[16];
		};
	};
};

// asks_dns says whether the address that a call names is a name server's, and notes it in the record.
static __always_inline bool asks_dns(struct endpoints *ends, void *peer)
{
	struct user_sockaddr to = {};

	if (!peer || bpf_probe_read_user(&to, 8, peer))
		return false;
	if (to.port != __builtin_bswap16(DNS_PORT))
		return false;
	ends->remote_port = DNS_PORT;
	if (to.family == AF_INET)
		map_v4(ends->remote, to.v4);
	else if (to.family == AF_INET6 && !bpf_probe_read_user(&to, sizeof(to), peer))
		__builtin_memcpy(ends->remote, to.v6, sizeof(to.v6));
	else
		return false;
	return true;
}

static __always_inline __u32 copy_piece(struct dns_record *record, __u32 at, void *from, unsigned long length)
{
	if (at >= DNS_MAX)
		return at;
	if (length > DNS_MAX - 1)
		length = DNS_MAX - 1;
	if (bpf_probe_read_user(record->data + (at & (DNS_MAX - 1)), length & (DNS_MAX - 1), from))
		return 0;
	return at + length;
}

static __always_inline void copy_list(struct dns_record *record, struct user_iovec *list, unsigned long listed, __u32 length)
{
	struct user_iovec piece;
	__u32 at = 0;
	int i;

	// Over TCP the length and the message are two pieces.
	for (i = 0; i < 2; i++) {
		if (i >= listed || at >= length || bpf_probe_read_user(&piece, sizeof(piece), list + i))
			break;
		if (piece.length > length - at)
			piece.length = length - at;
		at = copy_piece(record, at, piece.base, piece.length);
	}
	record->copied = at;
}

static __always_inline void tell(struct dns_record *record)
{
	__u64 size = offsetof(struct dns_record, data) + record->copied;

	if (record->copied && size <= sizeof(*record))
		send(KIND_DNS_MESSAGE, record, size);
}

// The kernel does not say which of the messages was just sent; all are reported each time, and the receiver recognizes a question
// that it has already.
static __always_inline void tell_messages(struct dns_record *record, struct io_call *call)
{
	struct user_mmsghdr message;
	int i;

	for (i = 0; i < MESSAGES; i++) {
		if (i >= call->messages_count || bpf_probe_read_user(&message, sizeof(message), call->messages + i))
			return;
		record->length = DNS_MAX;
		copy_list(record, message.head.list, message.head.listed, DNS_MAX);
		tell(record);
	}
}

static __always_inline bool concerns_dns(struct dns_record *record, struct sock *sk, struct io_call *call, enum direction direction)
{
	__u64 key = (__u64)sk;
	__u8 yes = 1;

	if (record->ends.remote_port == DNS_PORT)
		return true;
	if (record->ends.remote_port != 0 || record->tcp)
		return false;
	if (direction == RECEIVED)
		return bpf_map_lookup_elem(&dns_askers, &key) != NULL;
	if (!asks_dns(&record->ends, call->peer))
		return false;
	bpf_map_update_elem(&dns_askers, &key, &yes, BPF_ANY);
	return true;
}

static __always_inline int on_io(struct sock *sk, int length, int flags, enum direction direction)
{
	__u16 to = sk->__sk_common.skc_dport;
	struct dns_record *record;
	struct io_call call;
	__u32 zero = 0;

	// Cheap for the many that are none: a connected socket shows its port, and only UDP has others.
	if (length <= 0 || (direction == RECEIVED && flags & FLAG_PEEK))
		return 0;
	if (to != __builtin_bswap16(DNS_PORT) && (to != 0 || !is_inet(sk, PROTOCOL_UDP)))
		return 0;
	if (!is_inet(sk, PROTOCOL_UDP) && !is_inet(sk, PROTOCOL_TCP))
		return 0;
	record = bpf_map_lookup_elem(&dns_scratch, &zero);
	if (!record || !current_call(&call))
		return 0;
	fill_endpoints(&record->ends, sk);
	record->tcp = sk->sk_protocol == PROTOCOL_TCP;
	if (!concerns_dns(record, sk, &call, direction))
		return 0;
	fill_head(&record->head, KIND_DNS_MESSAGE, (void *)bpf_get_current_task_btf());
	record->sock = (__u64)sk;
	record->direction = direction;
	record->length = length;
	if (call.messages) {
		tell_messages(record, &call);
		return 0;
	}
	if (call.list)
		copy_list(record, call.list, call.listed, length);
	else
		record->copied = copy_piece(record, 0, call.buffer, length);
	tell(record);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(dns_send, struct sock *sk, int length, int flags)
{
	return on_io(sk, length, flags, SENT);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(dns_receive, struct sock *sk, int length, int flags)
{
	return on_io(sk, length, flags, RECEIVED);
}
