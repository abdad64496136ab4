// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// tellKernel makes a sign of the kernel's of one that a rate gave. What was never
// told of the service before is a fault a thousand times sooner than more of the
// usual is, as with errors.
func (e *Engine) tellKernel(s *sign, l *line, ch change) {
	k := l.kernel
	s.key.class, s.key.what, s.key.peer = classKernel, k.event, k.peer
	s.event = k.event
	if ch.before.sum == 0 {
		s.strength += noveltyBonus
	}
	s.novel = 10*ch.before.mean() < ch.after.mean()
	if k.word == "exit" && !e.serves(s.key.service) {
		// Programs that nobody calls and that call nobody, as those of a shell
		// script, may well end with an error.
		s.supports = true
	}
	s.kernel = k
	s.text = e.kernelText(s, k)
	s.brief, _, _ = strings.Cut(s.text, fmt.Sprintf(", %d times", s.count))
	if k.word == "throttl" {
		s.brief, _, _ = strings.Cut(s.text, ", which")
	}
	for i := range s.evidence {
		s.evidence[i].Description = s.text
	}
}

// serves reports whether the service is part of any call.
func (e *Engine) serves(service string) bool {
	for key := range e.graph.calls.all() {
		if key.caller == service || key.callee == service {
			return true
		}
	}
	return false
}

// kernelText says in one sentence who has what, where, and how often.
func (e *Engine) kernelText(s *sign, k *kernelLine) string {
	times := fmt.Sprintf("%d times since %s", s.count, clock(s.onset))
	who := s.key.service
	switch k.word {
	case "connect", "refused":
		return connectText(who, k) + ", " + times
	case "retransmit":
		if k.peer == "" {
			return fmt.Sprintf("packets from %s get lost and are sent again, %s", who, times)
		}
		return fmt.Sprintf("packets between %s and %s get lost and are sent again, %s", k.peer, who, times)
	case "reset":
		return fmt.Sprintf("connections between %s and %s (%s) are cut by a reset, %s", k.peer, who, shownEndpoint(k.place), times)
	case "dns":
		return fmt.Sprintf("%s cannot resolve %s: the name server at %s says %s, %s", who, k.peer, shownEndpoint(k.place), k.fault, times)
	case "exit":
		return fmt.Sprintf("%s exits with an error (%s) again and again, %s", who, exitWord(k.fault), times)
	case "slow":
		took := time.Duration(k.slow * 1e9).Round(10 * time.Millisecond)
		if slices.Contains(diskCalls(), k.fault) {
			return fmt.Sprintf("%s waits long for its disk: %s takes up to %s, %s", who, k.fault, took, times)
		}
		return fmt.Sprintf("%s waits long in the system call %s, up to %s, %s", who, k.fault, took, times)
	case "file.":
		return fmt.Sprintf("%s is denied access to files in %s (%s), %s", who, k.peer, k.fault, times)
	case "throttl":
		return e.throttleText(s, k)
	}
	if k.peer != "" {
		return fmt.Sprintf("%s %s (%s), %s", who, k.says, k.peer, times)
	}
	return fmt.Sprintf("%s %s, %s", who, k.says, times)
}

func connectText(who string, k *kernelLine) string {
	at := shownEndpoint(k.place)
	switch k.fault {
	case "ECONNREFUSED":
		return fmt.Sprintf("%s refuses connections: nothing listens at %s, where %s calls it", who, at, k.peer)
	case "ETIMEDOUT", "timeout":
		return fmt.Sprintf("%s does not answer at %s: connects from %s time out", who, at, k.peer)
	case "EHOSTUNREACH", "ENETUNREACH":
		return fmt.Sprintf("%s cannot be reached at %s from %s: there is no route (%s)", who, at, k.peer, k.fault)
	}
	return fmt.Sprintf("connects from %s to %s at %s fail (%s)", k.peer, who, at, k.fault)
}

func exitWord(fault string) string {
	if fault != "" && fault[0] >= '0' && fault[0] <= '9' {
		return "exit code " + fault
	}
	return fault
}

// diskCalls are system calls that wait for a disk, if for anything.
func diskCalls() []string {
	return []string{
		"fsync", "fdatasync", "sync_file_range", "sync", "syncfs", "msync", "pwrite64", "pwritev", "pwritev2", "pread64", "preadv",
		"preadv2", "open", "openat", "openat2", "creat", "unlink", "unlinkat", "rename", "renameat2", "mkdir", "mkdirat", "ftruncate",
		"truncate", "fallocate", "stat", "lstat", "newfstatat", "statx", "getdents64", "close",
	}
}
