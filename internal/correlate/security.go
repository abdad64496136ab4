// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/logtemplate"
	"github.com/tapio/tapio/internal/correlate/origin"
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
func (ke *kernelEvents) observeExec(ev *model.Event, ref reference) bool {
	parent := ke.serverAmong(ev)
	if parent == nil {
		return false
	}
	program, _ := ev.Attributes.Get(origin.ProgramKey)
	file, _ := ev.Attributes.Get(semconv.ProcessExecutablePath)
	fetched := writtenByAnybody(file.Str())
	if !fetched && !ofIntruders(program.Str()) {
		return false
	}
	text := execPrefix + program.Str()
	if fetched {
		text = execPrefix + path.Dir(file.Str())
	}
	known := ke.logbook.lines.Peek(lineKey{service: parent.name, template: bound.Name(text)}) != nil
	l := ke.logbook.lineFor(parent, &logtemplate.Template{Tokens: []string{"starts", bound.Copy(program.Str())}, Text: bound.Copy(text)})
	l.traced = true // so that it is not judged as an error line
	l.Rate.Advance(ke.time.Of(ev.When()))
	if known || ev.When() < ke.time.Start(ke.time.First)+execKnown {
		return false
	}
	ke.execSign(ev, parent, bound.Copy(program.Str()), bound.Copy(file.Str()), fetched, ref)
	return true
}

func (ke *kernelEvents) execSign(ev *model.Event, parent *service, program, file string, fetched bool, ref reference) {
	s := ke.aloneSign(ev, parent, ke.rules[execEvent], program, ref)
	s.kernel.fault, s.kernel.peer = program, file
	s.text = fmt.Sprintf("%s started %s (%s), which it did not do since it is known", parent.name, program, file)
	if !fetched {
		s.key.class, s.novel, s.strength = classLoad, false, baseline.NoAlarm
	}
	ke.keepKernel(s)
}

// serverAmong returns the nearest ancestor of a new program that serves requests, nil for none. Shells
// in between are skipped.
func (ke *kernelEvents) serverAmong(ev *model.Event) *service {
	names, _ := ev.Attributes.Get(semconv.ProcessAncestorNames)
	for _, name := range names.Items() {
		if s := ke.graph.services.Peek(name.Value.Str()); s != nil && len(ke.topology.callersOf((*s).name)) > 0 {
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
