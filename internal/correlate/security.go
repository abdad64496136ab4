// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// A program that a server starts for the first time is no fault, but may be an intruder's first step:
// a shell, a download tool, or a file that was just written. Only the last opens an incident; the
// others support one.

const (
	execEvent  = semconv.EventProcessExec
	execPrefix = "\x02"
	// execKnown is how long a server must be known before a new program of it is an anomaly: the
	// half-life of a baseline.
	execKnown = silenceReported
)

// observeExec records what a server starts, and makes an anomaly of a suspicious program.
func (e *Engine) observeExec(ev *model.Event, ref reference) bool {
	parent := e.serverAmong(ev)
	if parent == nil {
		return false
	}
	program, _ := ev.Attributes.Get(programKey)
	file, _ := ev.Attributes.Get(semconv.ProcessExecutablePath)
	fetched := writtenByAnybody(file.Str())
	if !fetched && !ofIntruders(program.Str()) {
		return false
	}
	text := execPrefix + program.Str()
	if fetched {
		text = execPrefix + path.Dir(file.Str())
	}
	known := e.lines.peek(lineKey{service: parent.name, template: short(text)}) != nil
	l := e.lineFor(parent, &template{tokens: []string{"starts", kept(program.Str())}, text: kept(text)})
	l.traced = true // so that it is not judged as an error line
	l.rate.advance(e.slotOf(ev.When()))
	if known || ev.When() < e.timeOf(e.firstSlot)+execKnown {
		return false
	}
	e.execSign(ev, parent, kept(program.Str()), kept(file.Str()), fetched, ref)
	return true
}

func (e *Engine) execSign(ev *model.Event, parent *service, program, file string, fetched bool, ref reference) {
	s := e.aloneSign(ev, parent, e.kernelRules[execEvent], program, ref)
	s.kernel.fault, s.kernel.peer = program, file
	s.text = fmt.Sprintf("%s started %s (%s), which it did not do since it is known", parent.name, program, file)
	if !fetched {
		s.key.class, s.novel, s.strength = classLoad, false, noAlarm
	}
	e.keepKernel(s)
}

// serverAmong returns the nearest ancestor of a new program that serves requests, nil for none. Shells
// in between are skipped.
func (e *Engine) serverAmong(ev *model.Event) *service {
	names, _ := ev.Attributes.Get(semconv.ProcessAncestorNames)
	for _, name := range names.Items() {
		if s := e.graph.services.peek(name.Value.Str()); s != nil && len(e.callersOf((*s).name)) > 0 {
			return *s
		}
		if !ofIntruders(name.Value.Str()) {
			return nil
		}
	}
	return nil
}

// writtenByAnybody reports whether a program is in a directory that every user may write to, or in no
// file.
func writtenByAnybody(file string) bool {
	return slices.ContainsFunc([]string{"/tmp/", "/var/tmp/", "/dev/shm/", "/memfd:", "memfd:"}, func(p string) bool { return strings.HasPrefix(file, p) })
}

// ofIntruders reports whether a program is one that intruders commonly start from a server: a shell,
// or a tool for downloads or tunnels.
func ofIntruders(program string) bool {
	return slices.Contains([]string{
		"sh", "bash", "dash", "ash", "zsh", "ksh", "busybox", "nc", "ncat", "netcat", "socat", "curl", "wget", "ssh", "scp", "nmap", "chmod", "base64",
	}, program)
}
