// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// Histograms of durations: bucket n counts those below 1024 << n nanoseconds, the last one the rest. From a microsecond
// to about 17 seconds; internal/probe has the same bounds in seconds.
#pragma once

#include "kernel.h"

#define BUCKETS 26

struct histogram {
	__u64 sum; // nanoseconds
	__u64 buckets[BUCKETS];
};

// The buckets' number without a loop: the highest bit of the duration, by halves.
static __always_inline __u32 bucket_of(__u64 ns)
{
	__u32 n = 0;

	ns >>= 10;
	if (ns >> 32)
		return BUCKETS - 1;
	if (ns >> 16) { ns >>= 16; n += 16; }
	if (ns >> 8) { ns >>= 8; n += 8; }
	if (ns >> 4) { ns >>= 4; n += 4; }
	if (ns >> 2) { ns >>= 2; n += 2; }
	if (ns >> 1) { ns >>= 1; n += 1; }
	n += ns;
	return n < BUCKETS ? n : BUCKETS - 1;
}

// add_weighted counts a duration that stands for so many others too; 0 for none.
static __always_inline void add_weighted(struct histogram *h, __u64 ns, __u32 weight)
{
	__u32 n = bucket_of(ns);

	if (!weight)
		return;
	if (n < BUCKETS)
		__sync_fetch_and_add(&h->buckets[n], weight);
	__sync_fetch_and_add(&h->sum, ns * weight);
}

static __always_inline void add(struct histogram *h, __u64 ns)
{
	add_weighted(h, ns, 1);
}
