//go:build ignore

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

// Who opens, writes, renames and removes files below the paths asked for. Only the end of a call is looked at, where the
// kernel has resolved the path and the result is known. Writes are added up while a file is open.
#include "call.h"
#include "file.h"

char LICENSE[] SEC("license") = "GPL";

enum file_kind {
	KIND_OPEN = KIND(PROBE_FILE, 1),
	KIND_WRITE = KIND(PROBE_FILE, 2),
	KIND_UNLINK = KIND(PROBE_FILE, 3),
	KIND_RENAME = KIND(PROBE_FILE, 4),
};

// What the arguments of a call are; internal/probe says of which number.
enum operation {
	OP_NONE,
	OP_OPEN,     // name, flags
	OP_CREATE,   // name
	OP_OPENAT,   // folder, name, flags
	OP_OPENAT2,  // folder, name, how
	OP_WRITE,    // file
	OP_WRITE_TO, // file read, offset, file
	OP_UNLINK,   // name
	OP_UNLINKAT, // folder, name
	OP_RENAME,   // name, name
	OP_RENAMEAT, // folder, name, folder, name
};

#define O_ACCMODE 3
#define O_CREAT 0100
#define O_TRUNC 01000
#define FMODE_WRITE 2
#define FMODE_CREATED 0x100000

const volatile __u8 operations[CALLS] = {};
const volatile __u32 own_pid = 0;    // whose files are not reported: the receiver's
const volatile bool tell_opens = true;
const volatile bool tell_reads = true; // opens for reading too
const volatile bool tell_writes = true;
const volatile __u64 tell_every = 0; // nanoseconds: writes of a file that stays open

// Two texts follow: the path, and of a rename the new one.
struct file_record {
	struct record_head head;
	__u64 inode;
	__u64 size;
	__u64 bytes; // written
	__u64 calls;
	__s64 result;
	__u32 number; // of the system call
	__u32 flags;  // as the call had them
	__u32 mode;   // of the inode
	__u16 path_size;
	__u16 target_size;
	__u8 created;
	__u8 closed;
	__u8 odd; // the receiver has to compare the path
	__u8 unused[5];
	__u8 comm[16];
	__u8 text[2 * TEXT_MAX];
};

// A file that is open for writing, by its address. The address is reused for other files; the inode identifies the file.
struct open_file {
	__u64 inode;
	__u64 start;
	__u64 cgroup;
	__u64 bytes;
	__u64 calls;
	__u64 written; // when, the last time
	__u64 told;
	__u32 pid;
	__u32 number;
	__u32 flags;
	__u32 path_size;
	__u8 comm[16];
	__u8 path[BASE_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct open_file);
} open_files SEC(".maps");

struct scratch {
	struct path_text path;
	struct path_text target;
	struct file_record record;
	struct open_file file;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

// Of these the slots: how many files are open, what found no room in the map of them, what had too long a path.
enum {
	OPEN_NOW,
	FULL,
	TOO_LONG,
	COUNTS,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} file_counts SEC(".maps");

static __always_inline void grow(__u32 slot, __s64 by)
{
	__u64 *n = bpf_map_lookup_elem(&file_counts, &slot);

	if (n)
		__sync_fetch_and_add(n, by);
}

static __always_inline unsigned long argument(struct pt_regs *regs, int n)
{
	struct pt_regs___x86 *x86 = (void *)regs;
	struct pt_regs___arm64 *arm = (void *)regs;
	struct pt_regs___arm64_first *first = (void *)regs;

	if (bpf_core_field_exists(x86->orig_ax)) {
		switch (n) {
		case 0: return x86->di;
		case 1: return x86->si;
		case 2: return x86->dx;
		default: return x86->r10;
		}
	}
	if (bpf_core_field_exists(first->orig_x0)) {
		switch (n) {
		case 0: return first->orig_x0;
		case 1: return arm->regs[1];
		case 2: return arm->regs[2];
		default: return arm->regs[3];
		}
	}
	return 0;
}

// put_text copies a path behind what the record has.
static __always_inline __u32 put_text(struct file_record *record, __u32 at, struct path_text *path)
{
	__u32 from = path->from, size = path->to - from;

	if (from >= TEXT_MAX || size >= TEXT_MAX || at >= TEXT_MAX)
		return 0;
	if (bpf_probe_read_kernel(record->text + at, size, path->text + from))
		return 0;
	return size;
}

static __always_inline void send_record(__u32 kind, struct file_record *record)
{
	__u32 size = offsetof(struct file_record, text) + record->path_size + record->target_size;

	if (size <= sizeof(*record))
		send(kind, record, size);
}

static __always_inline struct file_record *begin(struct scratch *scratch, __u32 kind, __u32 number, long result)
{
	struct file_record *record = &scratch->record;
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	__builtin_memset(record, 0, offsetof(struct file_record, text));
	fill_head(&record->head, kind, task);
	record->number = number;
	record->result = result;
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	return record;
}

// tell_written may run in another process than the one that wrote.
static __always_inline void tell_written(struct scratch *scratch, struct open_file *file, bool closed)
{
	struct file_record *record = &scratch->record;
	__u32 size = file->path_size;

	__builtin_memset(record, 0, offsetof(struct file_record, text));
	record->head.kind = KIND_WRITE;
	record->head.pid = file->pid;
	record->head.start = file->start;
	record->head.time = file->written;
	record->head.cgroup = file->cgroup;
	record->inode = file->inode;
	record->bytes = file->bytes;
	record->calls = file->calls;
	record->number = file->number;
	record->flags = file->flags;
	record->closed = closed;
	__builtin_memcpy(record->comm, file->comm, sizeof(record->comm));
	if (size >= BASE_MAX || bpf_probe_read_kernel(record->text, size, file->path))
		return;
	record->path_size = size;
	send_record(KIND_WRITE, record);
}

// follow remembers an open file, so that writes to it are added up.
static __always_inline void follow(struct scratch *scratch, __u64 file)
{
	struct file_record *record = &scratch->record;
	struct open_file *new = &scratch->file, *old;
	__u32 size = record->path_size;

	__builtin_memset(new, 0, offsetof(struct open_file, path));
	new->inode = record->inode;
	new->start = record->head.start;
	new->cgroup = record->head.cgroup;
	new->told = record->head.time;
	new->pid = record->head.pid;
	new->number = record->number;
	new->flags = record->flags;
	new->path_size = size;
	__builtin_memcpy(new->comm, record->comm, sizeof(new->comm));
	if (size >= BASE_MAX || bpf_probe_read_kernel(new->path, size, record->text))
		return;
	// The address is that of a file closed a moment ago, which the sweep has not come to.
	old = bpf_map_lookup_elem(&open_files, &file);
	if (old && old->bytes)
		tell_written(scratch, old, true);
	if (bpf_map_update_elem(&open_files, &file, new, BPF_ANY))
		grow(FULL, 1);
	else if (!old)
		grow(OPEN_NOW, 1);
}

static __always_inline void fill_inode(struct file_record *record, __u64 file)
{
	struct file___opened *of = AS(struct file___opened, file);
	struct inode *inode = of->f_inode;
	struct inode___sized *sized = (void *)inode;

	record->inode = inode->i_ino;
	record->mode = sized->i_mode;
	record->size = sized->i_size;
	record->created = !!(of->f_mode & FMODE_CREATED);
}

static __always_inline void opened(struct scratch *scratch, __u32 number, __u32 flags, __u32 fd)
{
	__u64 file = file_of(fd);
	struct file_record *record;

	if (!file)
		return;
	if (!path_of_file(&scratch->path, file)) {
		grow(TOO_LONG, 1);
		return;
	}
	if (!asked_for(&scratch->path))
		return;
	record = begin(scratch, KIND_OPEN, number, fd);
	record->flags = flags;
	fill_inode(record, file);
	record->path_size = put_text(record, 0, &scratch->path);
	if (tell_opens)
		send_record(KIND_OPEN, record);
	if (tell_writes && AS(struct file___opened, file)->f_mode & FMODE_WRITE)
		follow(scratch, file);
}

// named reports a call by what it names: because it failed, or because what it named is gone.
static __always_inline void named(struct scratch *scratch, __u32 kind, __u32 number, __u32 flags, int folder, unsigned long name,
				  long result)
{
	struct file_record *record;
	bool odd;

	if (!path_named(&scratch->path, folder, (void *)name))
		return;
	odd = is_odd(&scratch->path);
	if (!odd && !asked_for(&scratch->path))
		return;
	record = begin(scratch, kind, number, result);
	record->flags = flags;
	record->odd = odd;
	record->path_size = put_text(record, 0, &scratch->path);
	send_record(kind, record);
}

static __always_inline void renamed(struct scratch *scratch, __u32 number, int folder, unsigned long name, int to_folder,
				    unsigned long to, long result)
{
	struct file_record *record;
	bool odd;

	if (!path_named(&scratch->path, folder, (void *)name) || !path_named(&scratch->target, to_folder, (void *)to))
		return;
	odd = is_odd(&scratch->path) || is_odd(&scratch->target);
	if (!odd && !asked_for(&scratch->path) && !asked_for(&scratch->target))
		return;
	record = begin(scratch, KIND_RENAME, number, result);
	record->odd = odd;
	record->path_size = put_text(record, 0, &scratch->path);
	record->target_size = put_text(record, record->path_size, &scratch->target);
	send_record(KIND_RENAME, record);
}

static __always_inline void wrote(__u32 fd, long bytes)
{
	__u32 slot = OPEN_NOW;
	__u64 *now_open = bpf_map_lookup_elem(&file_counts, &slot), key;
	struct open_file *file;

	if (bytes <= 0 || !now_open || !*now_open)
		return;
	key = file_of(fd);
	file = bpf_map_lookup_elem(&open_files, &key);
	if (!file || file->inode != AS(struct file___opened, key)->f_inode->i_ino)
		return;
	__sync_fetch_and_add(&file->bytes, bytes);
	__sync_fetch_and_add(&file->calls, 1);
	file->written = bpf_ktime_get_ns();
}

static __noinline int on_open(struct scratch *scratch, __u32 number, __u32 operation, struct pt_regs *regs, long result)
{
	int folder = AT_FDCWD;
	unsigned long name = argument(regs, 0), flags = 0;

	if (operation == OP_OPEN) {
		flags = argument(regs, 1);
	} else if (operation == OP_CREATE) {
		flags = 1 | O_CREAT | O_TRUNC;
	} else {
		folder = name;
		name = argument(regs, 1);
		flags = argument(regs, 2);
		if (operation == OP_OPENAT2 && bpf_probe_read_user(&flags, sizeof(flags), (void *)flags))
			return 0;
	}
	if (!tell_reads && !(flags & (O_ACCMODE | O_CREAT | O_TRUNC)))
		return 0;
	if (result >= 0)
		opened(scratch, number, flags, result);
	else if (tell_opens)
		named(scratch, KIND_OPEN, number, flags, folder, name, result);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_file_call, struct pt_regs *regs, long result)
{
	__u32 number = call_number(regs), zero = 0, operation;
	struct scratch *scratch;

	if (number >= CALLS)
		return 0;
	operation = operations[number & (CALLS - 1)];
	if (operation == OP_NONE || bpf_get_current_pid_tgid() >> 32 == own_pid)
		return 0;
	if (operation == OP_WRITE || operation == OP_WRITE_TO) {
		wrote(argument(regs, operation == OP_WRITE ? 0 : 2), result);
		return 0;
	}
	scratch = bpf_map_lookup_elem(&scratches, &zero);
	if (!scratch)
		return 0;
	switch (operation) {
	case OP_UNLINK:
		named(scratch, KIND_UNLINK, number, 0, AT_FDCWD, argument(regs, 0), result);
		break;
	case OP_UNLINKAT:
		named(scratch, KIND_UNLINK, number, argument(regs, 2), argument(regs, 0), argument(regs, 1), result);
		break;
	case OP_RENAME:
		renamed(scratch, number, AT_FDCWD, argument(regs, 0), AT_FDCWD, argument(regs, 1), result);
		break;
	case OP_RENAMEAT:
		renamed(scratch, number, argument(regs, 0), argument(regs, 1), argument(regs, 2), argument(regs, 3), result);
		break;
	default:
		on_open(scratch, number, operation, regs, result);
	}
	return 0;
}

static __always_inline bool is_open(__u64 at, __u64 inode)
{
	struct file___opened *file = AS(struct file___opened, at);

	if (file->f_inode->i_ino != inode)
		return false;
	if (bpf_core_field_exists(file->f_ref)) // counts from 0, and is negative once all have let go
		return file->f_ref.refcnt.counter >= 0;
	return AS(struct file___counted, at)->f_count.counter > 0;
}

// The sweep finds the files that are no longer open: there is no hook for that which sees every way, of which the
// end of a process and exec are two.
static __always_inline void sweep(__u64 key, struct open_file *file)
{
	__u64 now = bpf_ktime_get_ns();
	struct scratch *scratch;
	__u32 zero = 0;
	bool open;

	open = is_open(key, file->inode);
	if (open && (!file->bytes || now - file->told < tell_every))
		return;
	scratch = bpf_map_lookup_elem(&scratches, &zero);
	if (!scratch)
		return;
	if (file->bytes)
		tell_written(scratch, file, !open);
	file->bytes = file->calls = 0;
	file->told = now;
	if (!open && !bpf_map_delete_elem(&open_files, &key))
		grow(OPEN_NOW, -1);
}

SEC("iter/bpf_map_elem")
int on_sweep(struct bpf_iter__bpf_map_elem *ctx)
{
	struct open_file *file = ctx->value;
	__u64 *at = ctx->key;

	if (at && file)
		sweep(*at, file);
	return 0;
}

static long sweep_next(void *map, __u64 *at, struct open_file *file, void *none)
{
	sweep(*at, file);
	return 0;
}

// The same where the kernel refuses iterators over the elements of a map.
SEC("syscall")
int on_sweep_call(void *none)
{
	bpf_for_each_map_elem(&open_files, sweep_next, NULL, 0);
	return 0;
}
