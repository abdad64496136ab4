// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

// The names of attributes that Tapio writes itself. OpenTelemetry's semantic
// conventions first, tapio.* where there is none; docs/semconv.md explains them.
const (
	ContainerID           = "container.id"
	ErrorType             = "error.type"
	HostName              = "host.name"
	HostID                = "host.id"
	K8sPodUID             = "k8s.pod.uid"
	OSType                = "os.type"
	ProcessArgs           = "process.command_args"
	ProcessCreationTime   = "process.creation.time"
	ProcessExecutable     = "process.executable.name"
	ProcessExecutablePath = "process.executable.path"
	ProcessExitCode       = "process.exit.code"
	ProcessParentPID      = "process.parent_pid"
	ProcessPID            = "process.pid"
	ProcessUserID         = "process.user.id"
	ProcessCgroup         = "process.linux.cgroup"
	ServiceName           = "service.name"
	PeerService           = "peer.service"
	NetworkNamespace      = "tapio.network.namespace"
	ServiceNamespace      = "service.namespace"
	ServiceVersion        = "service.version"
	ServiceInstanceID     = "service.instance.id"

	// Source says which part of Tapio saw it: ebpf.
	Source = "tapio.source"
	// ProcessKey names a process for as long as the host runs: its pid and its
	// start as /proc/PID/stat has it, for example 4242:918273.
	ProcessKey           = "tapio.process.key"
	ProcessParentKey     = "tapio.process.parent_key"
	ProcessAncestorKeys  = "tapio.process.ancestor_keys"
	ProcessAncestorNames = "tapio.process.ancestor_names"
	ProcessArgsSize      = "tapio.process.args_size"
	ProcessDuration      = "tapio.process.duration"
	ProcessExitSignal    = "tapio.process.exit_signal"

	Signal           = "tapio.signal.name"
	SignalSenderPID  = "tapio.signal.sender.pid"
	SignalSenderKey  = "tapio.signal.sender.key"
	SignalSenderName = "tapio.signal.sender.name"

	OOMVirtual     = "tapio.oom.victim.virtual"
	OOMAnon        = "tapio.oom.victim.anon"
	OOMFile        = "tapio.oom.victim.file"
	OOMShmem       = "tapio.oom.victim.shmem"
	OOMScoreAdj    = "tapio.oom.victim.score_adj"
	OOMTriggerPID  = "tapio.oom.trigger.pid"
	OOMCgroupUsage = "tapio.oom.cgroup.usage"
	OOMCgroupLimit = "tapio.oom.cgroup.limit"

	SyscallName     = "tapio.syscall.name"
	SyscallDuration = "tapio.syscall.duration"
	ThreadID        = "thread.id"

	FilePath      = "file.path"
	FileName      = "file.name"
	FileDirectory = "file.directory"
	FileExtension = "file.extension"
	FileInode     = "file.inode"
	FileMode      = "file.mode"
	FileSize      = "file.size"
	FileTarget    = "tapio.file.target_path"
	FileFlags     = "tapio.file.flags"
	FileCreated   = "tapio.file.created"
	FileWritten   = "tapio.file.written"
	FileWrites    = "tapio.file.writes"
	FileClosed    = "tapio.file.closed"

	SystemDevice       = "system.device"
	DiskDirection      = "disk.io.direction"
	DiskOperation      = "tapio.disk.operation"
	DiskFailedRequests = "tapio.disk.failed_requests"
	DiskSector         = "tapio.disk.sector"
	DiskSize           = "tapio.disk.size"
)

// SourceEBPF is the value of Source for what the eBPF receiver saw.
const SourceEBPF = "ebpf"
