// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// What counts are kept by: the executable file and the cgroup of a process. Unlike process ids these are few, however
// many processes start and end.
#pragma once

#include "event.h"

#define PROGRAM_NAME 64

struct program {
	__u64 inode;
	__u64 name; // hash of the file's name, as an inode number may be used again for another file
	__u64 cgroup;
	__u32 device;
	__u32 unused;
};

// Who a count belongs to: the program, one of its processes, and the name of the executable file.
struct program_info {
	__u64 cgroup;
	__u32 pid;
	__u32 unused;
	char name[PROGRAM_NAME];
};

// identify_program fails for kernel threads and for a process that has given up its memory. The task is one that the verifier
// knows, so its fields are loaded without a call.
static __always_inline bool identify_program(struct program *to, struct task_struct *task)
{
	struct mm_struct *mm = task->mm;
	struct dentry *executable;
	struct inode *inode;
	struct file *file;

	to->unused = 0;
	if (!mm)
		return false;
	file = mm->exe_file;
	if (!file)
		return false;
	executable = file->f_path.dentry;
	inode = executable->d_inode;
	to->inode = inode->i_ino;
	to->device = inode->i_sb->s_dev;
	to->name = executable->d_name.hash_len;
	to->cgroup = current_cgroup(task);
	return true;
}

static __always_inline void describe_program(struct program_info *to, struct task_struct *task, __u64 cgroup)
{
	struct dentry *executable = BPF_CORE_READ(task, mm, exe_file, f_path.dentry);

	to->cgroup = cgroup;
	to->pid = BPF_CORE_READ(task, tgid);
	if (executable)
		bpf_probe_read_kernel_str(to->name, sizeof(to->name), BPF_CORE_READ(executable, d_name.name));
	else
		bpf_probe_read_kernel_str(to->name, sizeof(to->name), BPF_CORE_READ(task, group_leader)->comm);
}

// Where the kernel does not describe its types a program is known by the name of the current task and its cgroup, or, if
// only /proc knows that, by the process.
static __always_inline void identify_plain_program(struct program *to)
{
	char comm[16] = {};

	bpf_get_current_comm(comm, sizeof(comm));
	__builtin_memcpy(&to->inode, comm, sizeof(to->inode));
	__builtin_memcpy(&to->name, comm + 8, sizeof(to->name));
	to->cgroup = plain_cgroup();
	if (!to->cgroup)
		to->cgroup = bpf_get_current_pid_tgid() >> 32;
	to->device = ~0u;
	to->unused = 0;
}

static __always_inline void describe_plain_program(struct program_info *to)
{
	to->cgroup = plain_cgroup();
	to->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(to->name, 16);
}
