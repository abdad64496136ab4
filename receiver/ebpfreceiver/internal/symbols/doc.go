// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package symbols finds the functions that addresses of running programs and of the kernel
// are in: from symbol tables of ELF files and their debug files, Go's table of functions,
// perf maps of just-in-time compilers, and /proc/kallsyms.
//
// All that it reads of programs may be hostile: reads and memory are bounded, and what
// does not fit the format is no symbol.
package symbols
