// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// What a connection speaks, by the first bytes of a call. It is a sieve: whether it is so in truth, the receiver's
// parsers know.
#pragma once

#include "kernel.h"

enum speech {
	UNDECIDED = 0,
	OTHER = 1,
	HTTP = 2,
	REDIS = 3,
	POSTGRESQL = 4,
	TLS = 5,
};

// Set by the receiver: a bit for each protocol that is reported.
const volatile __u32 spoken = 0;

#define FOUR(a, b, c, d) ((__u32)(a) | (__u32)(b) << 8 | (__u32)(c) << 16 | (__u32)(d) << 24)

static __always_inline bool looks_like_head(const __u8 *text)
{
	switch (*(const __u32 *)text) {
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

#define LONGEST_METHOD 24

static __always_inline bool is_token(__u8 c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '!' ||
	       (c >= '#' && c <= '\'') || c == '*' || c == '+' || c == '^' || c == '`' || c == '|' || c == '~';
}

// Any word may be a method (RFC 9110 9.1). What follows it must look like a target, or the words of other protocols would
// be taken for one. The preface of HTTP/2 looks like a request to this end.
static __always_inline bool looks_like_request(const __u8 *text, __u32 copied)
{
	int i;

	if (*(const __u32 *)text == FOUR('P', 'R', 'I', ' '))
		return false;
	for (i = 0; i < LONGEST_METHOD; i++) {
		if (i + 1 >= copied)
			return false;
		if (text[i] == ' ')
			return i > 0 && (text[i + 1] == '/' || text[i + 1] == '*' || text[i + 1] == 'h');
		if (!is_token(text[i]))
			return false;
	}
	return false;
}

// Load balancers may send the address of the client in front of its first request (the PROXY protocol, versions 1 and 2).
static __always_inline bool looks_like_proxy(const __u8 *text)
{
	__u32 first = *(const __u32 *)text;

	if (first == FOUR('P', 'R', 'O', 'X'))
		return text[4] == 'Y' && text[5] == ' ' && (text[6] == 'T' || text[6] == 'U');
	return first == FOUR('\r', '\n', '\r', '\n') && *(const __u32 *)(text + 4) == FOUR(0, '\r', '\n', 'Q');
}

// What a server of Redis sends to a client that it does not let in.
static __always_inline bool looks_like_refusal(const __u8 *text)
{
	__u32 first = *(const __u32 *)text, second = *(const __u32 *)(text + 4);

	return (first == FOUR('-', 'E', 'R', 'R') && second == FOUR(' ', 'm', 'a', 'x')) ||
	       (first == FOUR('-', 'D', 'E', 'N') && second == FOUR('I', 'E', 'D', ' '));
}

static __always_inline __u32 big_endian(const __u8 *text)
{
	return (__u32)text[0] << 24 | (__u32)text[1] << 16 | (__u32)text[2] << 8 | text[3];
}

static __always_inline bool is_digit(__u8 c)
{
	return c >= '0' && c <= '9';
}

// A command of Redis is an array of texts: *2\r\n$3\r\nGET\r\n…
static __always_inline bool looks_like_redis(const __u8 *text)
{
	if (text[0] != '*' || !is_digit(text[1]))
		return false;
	if (is_digit(text[2]))
		return text[3] == '\r' && text[4] == '\n' && text[5] == '$';
	return text[2] == '\r' && text[3] == '\n' && text[4] == '$';
}

#define PROTOCOL_3 0x00030000
#define ASKS_FOR_TLS 80877103
#define ASKS_FOR_GSS 80877104

// A connection to PostgreSQL begins with its parameters, or with a wish for encryption. Of one that is older than the
// probe a query that fills the call is known, and a statement to prepare with what follows on it.
static __always_inline bool looks_like_postgresql(const __u8 *text, __u32 length)
{
	__u32 first = big_endian(text), second = big_endian(text + 4), size = big_endian(text + 1) + 1;

	if (first == length && (second == PROTOCOL_3 || (length == 8 && (second == ASKS_FOR_TLS || second == ASKS_FOR_GSS))))
		return true;
	if (text[0] == 'Q')
		return size == length;
	return text[0] == 'P' && size > 8 && size < length && size < 1 << 20;
}

// A record of TLS, of whatever version since SSL 3. Its head is often read by itself.
static __always_inline bool looks_like_tls(const __u8 *text)
{
	return text[0] >= 0x14 && text[0] <= 0x17 && text[1] == 3 && text[2] <= 4;
}

static __always_inline enum speech speech_of(const __u8 *text, __u32 copied, __u32 length)
{
	if (copied >= 5 && looks_like_tls(text))
		return TLS;
	if (copied < 8)
		return UNDECIDED;
	if (looks_like_head(text))
		return HTTP;
	if (looks_like_redis(text) || looks_like_refusal(text))
		return REDIS;
	if (looks_like_postgresql(text, length))
		return POSTGRESQL;
	if (looks_like_request(text, copied) || looks_like_proxy(text))
		return HTTP;
	return UNDECIDED;
}
