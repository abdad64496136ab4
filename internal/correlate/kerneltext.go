// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/kernelrule"
)

// logDetector finds anomalies in log lines and in repeated kernel events.
type logDetector struct {
	time     *bucket.Time
	graph    *graph
	topology *topology
	hosts    *hosts
	facts    *facts
	logbook  *logbook
}

// describeKernel completes a kernel anomaly that was found by its rate. An event that never occurred at
// the service before is a thousand times as likely a fault as a higher rate is, as with errors.
func (d *logDetector) describeKernel(s *sign, l *line, ch baseline.ChangePoint) {
	k := l.kernel
	s.key.class, s.key.what, s.key.peer = classKernel, k.rule.Event, k.peer
	s.event = k.rule.Event
	if ch.Before.Sum == 0 {
		s.strength += noveltyBonus
	}
	s.novel = 10*ch.Before.Mean() < ch.After.Mean()
	if k.rule.Kind == kernelrule.Exit && (!d.topology.servesOthers(s.key.service) || d.topology.fleeting(s.key.service)) {
		// Programs on which no service depends, such as those of a shell script, may end with an error.
		s.supports = true
	}
	if d.graph.otherLoopback(k.place) {
		s.supports = true // when the connections were refused, it was unknown which service listens there
	}
	s.kernel = k
	if k.rule.Kind == kernelrule.Throttling {
		s.text = d.hosts.throttleText(s, k)
	}
	s.text = d.facts.say(s)
	for i := range s.evidence {
		s.evidence[i].Description = s.text
	}
}

// serves reports whether the service is part of a call.
func (t *topology) serves(service string) bool {
	for key := range t.graph.calls.All() {
		if key.caller == service || key.callee == service {
			return true
		}
	}
	return false
}

// isService reports whether a program is a service rather than a command: it is instrumented, serves
// requests, or is called.
func (t *topology) isService(name string) bool { return t.serviceTest()(name) }

// serviceTest returns isService for several names.
func (t *topology) serviceTest() func(string) bool {
	called := map[string]bool{}
	for key := range t.graph.calls.All() {
		if key.caller != key.callee {
			called[key.callee] = true
		}
	}
	return func(name string) bool {
		if known := t.graph.services.Peek(name); known != nil {
			if s := *known; s.instrumented || s.requests != nil && s.requests.Total().N > 0 {
				return true
			}
		}
		return called[name]
	}
}

// hasServiceCallers reports whether a service, not only a command, calls it.
func (t *topology) hasServiceCallers(name string) bool {
	isService := t.serviceTest()
	return slices.ContainsFunc(t.callersOf(name), func(caller string) bool { return caller != name && isService(caller) })
}

// diskCalls are the system calls that usually wait for a disk.
func diskCalls() []string {
	return []string{
		"fsync", "fdatasync", "sync_file_range", "sync", "syncfs", "msync", "pwrite64", "pwritev", "pwritev2", "pread64", "preadv",
		"preadv2", "open", "openat", "openat2", "creat", "unlink", "unlinkat", "rename", "renameat2", "mkdir", "mkdirat", "ftruncate",
		"truncate", "fallocate", "stat", "lstat", "newfstatat", "statx", "getdents64", "close",
	}
}
