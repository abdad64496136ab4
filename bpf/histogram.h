// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// Histograms of durations with the buckets of an OpenTelemetry exponential histogram of scale 0: bucket 0 counts what is
// below 2^-20 seconds, about a microsecond, bucket n what is below 2^(n-20), the last one the rest. internal/probe has the
// same bounds.
#pragma once

#include "kernel.h"

#define BUCKETS 32

struct histogram {
	__u64 sum; // nanoseconds
	__u64 buckets[BUCKETS];
};

// The bucket's number without a loop: the highest bit of the duration, by halves. A second has 10^9 nanoseconds, not 2^30,
// so the duration is scaled by 2^30/10^9 first, exact to a millionth.
static __always_inline __u32 bucket_of(__u64 ns)
{
	__u32 n = 0;

	ns = (ns + (ns * 77325 >> 20)) >> 10;
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
