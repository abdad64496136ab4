// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// How the path of a file is found, as its process sees it, and whether it is one of those asked for.
#pragma once

#include "event.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

// More of the kernel's types than other programs read of them.
typedef struct {
	atomic64_t refcnt;
} file_ref_t;

struct inode___sized {
	unsigned short i_mode;
	long long i_size;
};

struct file___opened {
	unsigned int f_mode;
	struct inode *f_inode;
	file_ref_t f_ref;
};

// As it was before Linux 6.13.
struct file___counted {
	atomic64_t f_count;
};

struct qstr___sized {
	__u32 len;
};

struct fs_struct {
	struct path pwd;
};

struct task_struct___placed {
	struct fs_struct *fs;
};

// At the end of a call the first register has the result.
struct pt_regs___arm64_first {
	__u64 orig_x0;
};

// What an iterator over a map gets.
struct bpf_iter__bpf_map_elem {
	void *key;
	void *value;
};

#pragma clang attribute pop

#define BASE_MAX 512 // bytes of the path of an open file or folder
#define NAME_MAX 512 // and of what a call names below it; both are powers of two, for masks
#define TEXT_MAX (BASE_MAX + NAME_MAX)
#define COMPONENT_MAX 256
#define DEPTH_MAX 40 // components and mounts from a file to the root
#define PREFIX_MAX 252

#define AT_FDCWD -100

// Reading through a helper costs ten times what a load does, and a path takes dozens of reads. Linux 6.2 and later let a
// program say what an address is, and then load from it.
extern void *bpf_rdonly_cast(const void *object, __u32 type) __ksym;
#define AS(type, at) ((type *)bpf_rdonly_cast((const void *)(at), bpf_core_type_id_kernel(type)))

// A path is put together from its end, for only the way up is known: what is open ends where the name begins. The excess
// is for the verifier, which knows of a component only that it is below COMPONENT_MAX.
struct path_text {
	__u8 text[TEXT_MAX + COMPONENT_MAX];
	__u32 from;
	__u32 to; // as long as from is below it there is a path
	__u64 place; // how far climb has come: a dentry,
	__u64 in;    // and the mount that it is in
};

struct prefix {
	__u32 bits;
	__u8 text[PREFIX_MAX];
};

// The prefixes asked for, with 1, and those left out, with 0: the longest decides. A folder ends in a slash, and what
// has to be the whole path in a zero.
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 512);
	__type(key, struct prefix);
	__type(value, __u8);
} prefixes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct prefix);
} sought SEC(".maps");

static __always_inline bool asked_for(struct path_text *path)
{
	__u32 zero = 0, from = path->from;
	struct prefix *key = bpf_map_lookup_elem(&sought, &zero);
	__u8 *verdict;

	if (!key || from > TEXT_MAX || from >= path->to)
		return false;
	key->bits = PREFIX_MAX * 8;
	bpf_probe_read_kernel(key->text, PREFIX_MAX, path->text + (from & (TEXT_MAX - 1)));
	verdict = bpf_map_lookup_elem(&prefixes, key);
	return verdict && *verdict;
}

// file_of returns the open file with that number as an address, 0 if there is none.
static __always_inline __u64 file_of(__u32 fd)
{
	struct fdtable *table = bpf_get_current_task_btf()->files->fdt;
	__u64 file = 0;

	if (fd < table->max_fds)
		bpf_probe_read_kernel(&file, sizeof(file), table->fd + fd);
	return file;
}

// climb writes the path of that place, a dentry in a vfsmount, before BASE_MAX. It fails where the path is too long or too
// deep. All that it carries from one component to the next is kept in the map: of what the verifier reads there it knows
// nothing, so the ways through the loop that come to a depth are one to it, and not twice as many each time.
static __noinline int climb(struct path_text *path, __u64 place, __u64 in)
{
	struct qstr___sized *name;
	struct dentry *dentry;
	struct mount *mount;
	__u32 at, length;

	path->from = BASE_MAX;
	path->place = place;
	path->in = in - bpf_core_field_offset(struct mount, mnt);
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		dentry = AS(struct dentry, path->place);
		mount = AS(struct mount, path->in);
		if (dentry == mount->mnt.mnt_root) {
			if (mount == mount->mnt_parent)
				return 0;
			path->place = (__u64)mount->mnt_mountpoint;
			path->in = (__u64)mount->mnt_parent;
			continue;
		}
		name = (void *)&dentry->d_name;
		length = name->len & (COMPONENT_MAX - 1);
		at = path->from;
		if (length + 1 > at)
			return -1;
		at -= length;
		bpf_probe_read_kernel(path->text + (at & (TEXT_MAX - 1)), length, dentry->d_name.name);
		at--;
		path->text[at & (TEXT_MAX - 1)] = '/';
		path->from = at;
		path->place = (__u64)dentry->d_parent;
	}
	return -1;
}

static __always_inline bool path_of(struct path_text *path, __u64 file)
{
	struct { __u64 mount, dentry; } where = {};

	bpf_probe_read_kernel(&where, sizeof(where), (void *)file + bpf_core_field_offset(struct file, f_path));
	return where.dentry && climb(path, where.dentry, where.mount) == 0;
}

// path_of_file is exact: it has been through all links.
static __always_inline bool path_of_file(struct path_text *path, __u64 file)
{
	path->text[BASE_MAX] = 0;
	path->to = 0;
	if (!path_of(path, file))
		return false;
	path->to = BASE_MAX;
	return path->from < BASE_MAX;
}

static __always_inline bool path_of_working_folder(struct path_text *path)
{
	struct task_struct___placed *task = (void *)bpf_get_current_task_btf();
	struct { __u64 mount, dentry; } where = {};

	bpf_probe_read_kernel(&where, sizeof(where), &task->fs->pwd);
	return where.dentry && climb(path, where.dentry, where.mount) == 0;
}

// path_named is what a call calls it, put after the folder that it starts from. Links and dots are still in it.
static __always_inline bool path_named(struct path_text *path, int folder, const void *name)
{
	long size = bpf_probe_read_user_str(path->text + BASE_MAX + 1, NAME_MAX - 1, name);

	path->to = 0;
	if (size <= 1 || size > NAME_MAX - 1)
		return false;
	path->from = BASE_MAX + 1;
	if (path->text[BASE_MAX + 1] != '/') {
		path->text[BASE_MAX] = '/';
		if (folder == AT_FDCWD ? !path_of_working_folder(path) : !path_of(path, file_of(folder)))
			return false;
	}
	path->to = BASE_MAX + size; // without the final zero
	return true;
}

// is_odd recognizes a name with empty components or dots in it: only the receiver can make a path of it to compare.
__noinline int is_odd(struct path_text *path)
{
	__u8 before = '/', this, next;

	if (!path)
		return 0;

	for (__u32 i = BASE_MAX + 1; i < TEXT_MAX - 1; i++) {
		this = path->text[i];
		next = path->text[i + 1];
		if (!this)
			return 0;
		if (before == '/' && i > BASE_MAX + 1 && this == '/')
			return 1;
		if (before == '/' && this == '.' && (next == '/' || next == '.' || !next))
			return 1;
		before = this;
	}
	return 0;
}
