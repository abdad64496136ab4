// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// Which system call it is that ends. The registers keep its number until then, as the kernel itself reads it there.
#pragma once

#include "kernel.h"

#define CALLS 512 // numbers are below it

static __always_inline __u32 call_number(struct pt_regs *regs)
{
	struct pt_regs___x86 *x86 = (void *)regs;
	struct pt_regs___arm64 *arm = (void *)regs;

	if (bpf_core_field_exists(x86->orig_ax))
		return x86->orig_ax;
	if (bpf_core_field_exists(arm->syscallno))
		return arm->syscallno;
	return CALLS;
}
