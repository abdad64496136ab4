// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// People, builds and tests run programs that end soon. Some of them serve requests for a
// while, fail and exit with errors, and no one depends on them.

const (
	// fleetingTimes processes of a program that ended after fleetingLife within
	// fleetingWindow make it a command.
	fleetingTimes  = 3
	fleetingLife   = 120 // s
	fleetingWindow = 600 * model.Nanos(1e9)
)

// ends are when the newest short-lived processes of a program ended.
type ends [fleetingTimes]model.Nanos

// noteEnd notes the end of a process.
func (s *service) noteEnd(ev *model.Event) {
	lived, found := ev.Attributes.Get(semconv.ProcessDuration)
	if !found || lived.Double() > fleetingLife {
		return
	}
	if s.ends == nil {
		s.ends = &ends{}
	}
	copy(s.ends[:], s.ends[1:])
	s.ends[fleetingTimes-1] = ev.When()
}

// fleeting reports whether the program is a command whose processes end soon, and nothing
// shows that someone runs it as a service: its name, its workload, its container or unit.
func (e *Engine) fleeting(name string) bool {
	known := e.graph.services.peek(name)
	if known == nil {
		return false
	}
	s := *known
	return s.ends != nil && s.ends[0] != 0 && s.ends[0]+fleetingWindow > e.now &&
		!s.declared && !s.instrumented && s.workload == "" && !contained(s.cgroup)
}

// isExit reports whether an event is of the end of a process.
func isExit(ev *model.Event) bool { return strings.HasPrefix(ev.Name, semconv.EventProcessExit) }
