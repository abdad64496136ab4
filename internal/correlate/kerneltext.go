// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/correlate/kernelrule"
)

// describeKernel completes a kernel anomaly that was found by its rate. An event that never occurred at
// the service before is a thousand times as likely a fault as a higher rate is, as with errors.
func (e *Engine) describeKernel(s *sign, l *line, ch change) {
	k := l.kernel
	s.key.class, s.key.what, s.key.peer = classKernel, k.rule.Event, k.peer
	s.event = k.rule.Event
	if ch.before.sum == 0 {
		s.strength += noveltyBonus
	}
	s.novel = 10*ch.before.mean() < ch.after.mean()
	if k.rule.Kind == kernelrule.Exit && (!e.servesOthers(s.key.service) || e.fleeting(s.key.service)) {
		// Programs on which no service depends, such as those of a shell script, may end with an error.
		s.supports = true
	}
	if e.graph.otherLoopback(k.place) {
		s.supports = true // when the connections were refused, it was unknown which service listens there
	}
	s.kernel = k
	if k.rule.Kind == kernelrule.Throttling {
		s.text = e.throttleText(s, k)
	}
	s.text = e.say(s)
	for i := range s.evidence {
		s.evidence[i].Description = s.text
	}
}

// serves reports whether the service is part of a call.
func (e *Engine) serves(service string) bool {
	for key := range e.graph.calls.all() {
		if key.caller == service || key.callee == service {
			return true
		}
	}
	return false
}

// isService reports whether a program is a service rather than a command: it is instrumented, serves
// requests, or is called.
func (e *Engine) isService(name string) bool { return e.serviceTest()(name) }

// serviceTest returns isService for several names.
func (e *Engine) serviceTest() func(string) bool {
	called := map[string]bool{}
	for key := range e.graph.calls.all() {
		if key.caller != key.callee {
			called[key.callee] = true
		}
	}
	return func(name string) bool {
		if known := e.graph.services.peek(name); known != nil {
			if s := *known; s.instrumented || s.requests != nil && s.requests.total().n > 0 {
				return true
			}
		}
		return called[name]
	}
}

// hasServiceCallers reports whether a service, not only a command, calls it.
func (e *Engine) hasServiceCallers(name string) bool {
	isService := e.serviceTest()
	return slices.ContainsFunc(e.callersOf(name), func(caller string) bool { return caller != name && isService(caller) })
}

// diskCalls are the system calls that usually wait for a disk.
func diskCalls() []string {
	return []string{
		"fsync", "fdatasync", "sync_file_range", "sync", "syncfs", "msync", "pwrite64", "pwritev", "pwritev2", "pread64", "preadv",
		"preadv2", "open", "openat", "openat2", "creat", "unlink", "unlinkat", "rename", "renameat2", "mkdir", "mkdirat", "ftruncate",
		"truncate", "fallocate", "stat", "lstat", "newfstatat", "statx", "getdents64", "close",
	}
}
