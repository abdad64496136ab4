// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// What the programs of several probes know of a thread.
#pragma once

#include "event.h"

// What the thread has read and not answered since.
enum serving {
	SERVES_HTTP = 1, // an HTTP request
	SERVES_DATABASE = 2, // something of a connection to a database, whichever end it is
};

struct thread_reads {
	// How often the thread read what may be a request without the receiver learning of it. If that is the same in two
	// records, the thread took in nothing else between them.
	__u32 unseen;
	__u32 serving; // bits of enum serving
};

// The receiver has one such map for all programs.
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_reads);
} thread_reads SEC(".maps");
