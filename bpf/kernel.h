// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// The parts of the kernel's types that the programs read. The loader moves each access to where the running kernel has
// the field (CO-RE), so only names and types matter here, not the layout: a field that is never read is left out.
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	__s64 counter;
} atomic64_t;

struct percpu_counter {
	__s64 count;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup_root;

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
	int level;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

// Which slot is whose depends on the kernel's configuration: ask with bpf_core_enum_value.
enum cgroup_subsys_id {
	cpu_cgrp_id,
	memory_cgrp_id,
};

struct css_set {
	struct cgroup_subsys_state *subsys[16];
	struct cgroup *dfl_cgrp;
};

struct page_counter {
	atomic64_t usage;
	unsigned long max;
};

struct mem_cgroup {
	struct cgroup_subsys_state css;
	struct page_counter memory;
};

struct file;

struct mm_struct {
	unsigned long total_vm;
	struct file *exe_file;
	unsigned long arg_start;
	unsigned long arg_end;
	unsigned long env_start;
	unsigned long env_end;
	struct percpu_counter rss_stat[4];
};

typedef struct {
	__u32 val;
} kuid_t;

struct mm_rss_stat {
	atomic64_t count[4];
};

// As mm_struct was before Linux 6.2.
struct mm_struct___counted {
	struct mm_rss_stat rss_stat;
};

struct qstr {
	__u64 hash_len;
	const unsigned char *name;
};

struct super_block {
	__u32 s_dev;
};

struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
};

struct dentry {
	struct dentry *d_parent;
	struct inode *d_inode;
	struct qstr d_name;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct gendisk {
	int major;
	int first_minor;
};

struct request_queue {
	struct gendisk *disk;
};

struct request {
	struct request_queue *q;
	unsigned int cmd_flags;
	__u64 __sector;
};

// As they were before Linux 5.15.
struct request___with_disk {
	struct gendisk *rq_disk;
};

// The registers of a system call: of each machine its own names.
struct pt_regs___x86 {
	unsigned long orig_ax, di, si, dx, cx, ax, r8, r10;
};

struct pt_regs___arm64 {
	__u64 regs[31];
	__s32 syscallno;
};

struct cred {
	kuid_t uid;
};


struct sigaction {
	void *sa_handler;
};

struct k_sigaction {
	struct sigaction sa;
};

struct sighand_struct {
	struct k_sigaction action[64];
};

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	short oom_score_adj;
};

// As it was before Linux 5.14.
struct task_struct___state {
	long state;
};

struct task_struct {
	unsigned int __state;
	int pid;
	int tgid;
	int exit_code;
	char comm[16];
	__u64 start_boottime;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct mm_struct *mm;
	struct signal_struct *signal;
	struct sighand_struct *sighand;
	struct files_struct *files;
	struct css_set *cgroups;
	const struct cred *cred;
};

struct pt_regs;

struct linux_binprm {
	const char *filename;
};

#pragma clang attribute pop
