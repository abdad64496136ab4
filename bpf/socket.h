// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// What the network programs read of a socket, and how they find the bytes that a call sent or received.
#pragma once

#include "event.h"

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define FLAG_PEEK 2
#define SHUT_BOTH_WAYS 3 // sk_shutdown: the program closed the socket

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
	int sk_err;
	__u8 sk_shutdown;
};

struct unix_address;

struct unix_sock {
	struct unix_address *addr;
};

struct tcp_sock {
	__u32 write_seq;
	__u32 copied_seq;
	__u32 rcv_nxt;
	__u32 snd_una;
	__u64 bytes_received;
	__u64 bytes_acked;
	__u32 srtt_us; // eight times the smoothed round trip
	__u64 first_tx_mstamp; // microseconds: when the first packet still in flight was sent
};

#pragma clang attribute pop

// As net/tcp_states.h has them.
enum tcp_state {
	STATE_ESTABLISHED = 1,
	STATE_SYN_SENT = 2,
	STATE_SYN_RECV = 3,
	STATE_FIN_WAIT1 = 4,
	STATE_FIN_WAIT2 = 5,
	STATE_CLOSE = 7,
	STATE_CLOSE_WAIT = 8,
	STATE_LAST_ACK = 9,
	STATE_LISTEN = 10,
	STATE_CLOSING = 11,
};

enum direction {
	RECEIVED = 0,
	SENT = 1,
};

// Addresses are IPv6; those of IPv4 are mapped into it, so that one form serves both.
struct endpoints {
	__u8 local[16];
	__u8 remote[16];
	__u16 local_port;
	__u16 remote_port;
	__u32 netns;
};

static __always_inline void map_v4(__u8 *to, __be32 address)
{
	__builtin_memset(to, 0, 10);
	to[10] = to[11] = 0xff;
	__builtin_memcpy(to + 12, &address, 4);
}

static __always_inline void fill_endpoints(struct endpoints *to, struct sock *sk)
{
	if (sk->__sk_common.skc_family == AF_INET) {
		map_v4(to->local, sk->__sk_common.skc_rcv_saddr);
		map_v4(to->remote, sk->__sk_common.skc_daddr);
	} else {
		bpf_core_read(to->local, sizeof(to->local), &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(to->remote, sizeof(to->remote), &sk->__sk_common.skc_v6_daddr);
	}
	to->local_port = sk->__sk_common.skc_num;
	to->remote_port = __builtin_bswap16(sk->__sk_common.skc_dport);
	to->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

static __always_inline bool is_inet(struct sock *sk, __u16 protocol)
{
	__u16 family = sk->__sk_common.skc_family;

	return (family == AF_INET || family == AF_INET6) && sk->sk_protocol == protocol;
}

// A call that moves bytes through a socket, as the thread made it: with a buffer, or with a list of them.
struct io_call {
	void *buffer;
	unsigned long length;
	void *peer; // struct sockaddr, of sendto and sendmsg
	struct user_iovec *list;
	unsigned long listed;
	struct user_mmsghdr *messages; // of sendmmsg
	unsigned long messages_count;
};

struct user_iovec {
	void *base;
	unsigned long length;
};

struct user_msghdr {
	void *name;
	__u32 name_length;
	struct user_iovec *list;
	unsigned long listed;
	void *control;
	unsigned long control_length;
	__u32 flags;
};

struct user_mmsghdr {
	struct user_msghdr head;
	__u32 length;
};

enum io_kind {
	IO_UNKNOWN,
	IO_BUFFER,
	IO_ADDRESSED,
	IO_LIST,
	IO_MESSAGE,
	IO_MESSAGES,
};

static __always_inline enum io_kind x86_io(long number)
{
	switch (number) {
	case 0: // read
	case 1: // write
		return IO_BUFFER;
	case 44: // sendto
	case 45: // recvfrom
		return IO_ADDRESSED;
	case 19: // readv
	case 20: // writev
		return IO_LIST;
	case 46: // sendmsg
	case 47: // recvmsg
		return IO_MESSAGE;
	case 307: // sendmmsg
		return IO_MESSAGES;
	}
	return IO_UNKNOWN;
}

static __always_inline enum io_kind arm64_io(long number)
{
	switch (number) {
	case 63: // read
	case 64: // write
		return IO_BUFFER;
	case 206: // sendto
	case 207: // recvfrom
		return IO_ADDRESSED;
	case 65: // readv
	case 66: // writev
		return IO_LIST;
	case 211: // sendmsg
	case 212: // recvmsg
		return IO_MESSAGE;
	case 269: // sendmmsg
		return IO_MESSAGES;
	}
	return IO_UNKNOWN;
}

struct call_registers {
	enum io_kind kind;
	unsigned long second;
	unsigned long third;
	unsigned long fifth;
};

static __always_inline void read_registers(struct call_registers *to)
{
	void *regs = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	struct pt_regs___x86 *x86 = regs;
	struct pt_regs___arm64 *arm = regs;

	// The verifier knows what bpf_task_pt_regs returns, so the fields are loaded without a call.
	if (bpf_core_field_exists(x86->orig_ax)) {
		to->kind = x86_io(x86->orig_ax);
		to->second = x86->si;
		to->third = x86->dx;
		to->fifth = x86->r8;
	} else if (bpf_core_field_exists(arm->syscallno)) {
		to->kind = arm64_io(arm->syscallno);
		to->second = arm->regs[1];
		to->third = arm->regs[2];
		to->fifth = arm->regs[4];
	}
}

// current_call finds the buffers of the call in which the thread is. sock_send_length and sock_recv_length tell the socket
// and the length, so neither a hook on every system call nor the way from file descriptor to socket is needed.
static __always_inline bool current_call(struct io_call *call)
{
	struct call_registers regs = {};
	struct user_msghdr message;

	__builtin_memset(call, 0, sizeof(*call));
	read_registers(&regs);
	switch (regs.kind) {
	case IO_ADDRESSED:
		call->peer = (void *)regs.fifth;
	case IO_BUFFER:
		call->buffer = (void *)regs.second;
		call->length = regs.third;
		return true;
	case IO_LIST:
		call->list = (void *)regs.second;
		call->listed = regs.third;
		return true;
	case IO_MESSAGE:
		if (bpf_probe_read_user(&message, sizeof(message), (void *)regs.second))
			return false;
		call->list = message.list;
		call->listed = message.listed;
		call->peer = message.name;
		return true;
	case IO_MESSAGES:
		if (bpf_probe_read_user(&message, sizeof(message), (void *)regs.second))
			return false;
		call->peer = message.name; // who sends several at once sends them to one
		call->messages = (void *)regs.second;
		call->messages_count = regs.third;
		return true;
	default:
		return false;
	}
}
