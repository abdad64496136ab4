// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/lru"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// People, builds and tests run programs that end soon. Some of these serve requests for a while, fail,
// and exit with errors, but no service depends on them.

const (
	// fleetingTimes: a program is a command if this many of its processes ended within fleetingLife of
	// their start, in a period of fleetingWindow.
	fleetingTimes  = 3
	fleetingLife   = 120 // in seconds
	fleetingWindow = 600 * model.Nanos(1e9)
	// provenAfter is how long a program must run without a break until others may depend on it.
	provenAfter = 60 * model.Nanos(1e9)
)

// life holds what is known about how long the processes of a program run.
type life struct {
	ends   [fleetingTimes]model.Nanos // ends of the newest short-lived processes
	since  model.Nanos                // first record after the newest of these ends, 0 for none
	proven bool                       // it has run for provenAfter
}

// goesOn records that the program runs at a time.
func (l *life) goesOn(t model.Nanos) {
	if l.since == 0 {
		l.since = t
	}
	l.proven = l.proven || t >= l.since+provenAfter
}

// noteEnd records the end of a process. Workers of a server may end at any time while the server goes
// on.
func (s *service) noteEnd(ev *model.Event) {
	lived, found := ev.Attributes.Get(semconv.ProcessDuration)
	if !found || ofItself(ev) {
		return
	}
	s.life.proven = s.life.proven || lived.Double() >= float64(provenAfter)/1e9
	if lived.Double() > fleetingLife {
		return
	}
	s.life.since = 0
	copy(s.life.ends[:], s.life.ends[1:])
	s.life.ends[fleetingTimes-1] = ev.When()
}

// ofItself reports whether the process was started by a process of the same program.
func ofItself(ev *model.Event) bool {
	parents, _ := ev.Attributes.Get(semconv.ProcessAncestorNames)
	program, found := ev.Attributes.Get(origin.ProgramKey)
	names := parents.Items()
	return found && len(names) > 0 && names[0].Value.Str() == program.Str()
}

// fleeting reports whether the program is a command: its processes end soon, or it has not been
// running for a minute yet, and neither name, workload, container nor unit mark it as a service.
func (t *topology) fleeting(name string) bool {
	known := t.graph.services.Peek(name)
	if known == nil || t.graph.cgroups.marked(*known) {
		return false
	}
	l := &(*known).life
	return t.graph.unproven(name) || l.ends[0] != 0 && l.ends[0]+fleetingWindow > t.time.Now
}

// unproven reports whether a program that nothing marks as a service has never run for a minute, as
// far as is known.
func (g *graph) unproven(name string) bool {
	known := g.services.Peek(name)
	return known != nil && !g.cgroups.marked(*known) && !(*known).life.proven && (*known).first != 0
}

// cgroups holds which programs run in each cgroup.
type cgroups struct {
	programs *lru.Table[string, []string] // names of programs, at most manyPrograms
}

// manyPrograms: a cgroup in which this many different programs run is one in which people, builds or
// tests work. The container or unit of a service has fewer.
const manyPrograms = 12

// marked reports whether the program is marked as a service.
func (c *cgroups) marked(s *service) bool {
	return s.declared || s.instrumented || s.workload != "" || c.contained(s)
}

// note records the cgroup that a program runs in.
func (c *cgroups) note(s *service) {
	names := c.programs.Get(s.cgroup)
	if names == nil {
		names = c.programs.Put(s.cgroup, nil)
	}
	if !s.declared && len(*names) < manyPrograms && !slices.Contains(*names, s.name) {
		*names = append(*names, s.name)
	}
}

// contained reports whether a program runs in the container or unit of a service, whose processes
// belong together.
func (c *cgroups) contained(s *service) bool {
	if !contained(s.cgroup) {
		return false
	}
	names := c.programs.Peek(s.cgroup)
	return names == nil || len(*names) < manyPrograms
}

// isExit reports whether an event is of the end of a process.
func isExit(ev *model.Event) bool { return strings.HasPrefix(ev.Name, semconv.EventProcessExit) }
