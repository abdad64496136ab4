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
};

// Set by the receiver: a bit for each speech that is told.
const volatile __u32 spoken = 0;

#define FIRST 16 // bytes by which it is decided

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

static __always_inline enum speech speech_of(const __u8 *text, __u32 copied)
{
	if (copied >= 8 && looks_like_head(text))
		return HTTP;
	return UNDECIDED;
}
