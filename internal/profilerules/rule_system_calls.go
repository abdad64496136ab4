// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func systemCalls() Rule {
	return Rule{
		ID: "system-calls", Title: "System calls", Applies: CPU,
		Threshold: 0.30, Source: "proposal",
		Explanation: "The CPU works in the kernel for system calls.",
		Advice: "Make fewer and larger calls: buffered readers and writers, batches, sendfile, keep-alive. The functions show " +
			"which call it is where kernel frames have names.",
		Frames: []Frames{
			{Language: Kernel, Functions: []string{
				"entry_SYSCALL_64_after_hwframe", "do_syscall_64", "x64_sys_call", "__x64_sys_*", "__arm64_sys_*",
				"ksys_*", "el0_svc*", "do_el0_svc", "invoke_syscall*",
			}},
			{Language: Go, Functions: []string{
				"syscall.Syscall*", "syscall.RawSyscall*", "internal/runtime/syscall*", "runtime/internal/syscall*",
				"syscall.read", "syscall.write",
			}},
		},
		Innermost: true,
	}
}
