//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"cmp"
	"path"
	"strings"
)

// The service of a process is, in this order: what its environment declares
// (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES), what it or its parent exports to this
// collector, what the labels of its container say, its unit of systemd, its container's
// name or id, the program that an interpreter runs, its executable.

// Start is what is known when a process begins to run a program.
type Start struct {
	Key, Parent Key
	// Exe is the file name of what runs, as the kernel has it: links resolved, of a
	// script the interpreter. "" if that is not known.
	Exe string
	// File is the name under which it was started.
	File string
	Args []string
	// Cut reports that there are more arguments than these.
	Cut      bool
	UID      uint32
	Cgroup   uint64
	Declared Declared
}

// Executed takes in a process that has begun to run a program.
func (t *Table) Executed(s *Start) *Process {
	p := &Process{Key: s.Key, Parent: s.Parent, Text: s.Key.String(), UID: s.UID, where: t.Place(s.Cgroup, s.Key.PID), declared: s.Declared}
	p.Name, p.Path = t.executable(s)
	args := s.Args
	if (s.Cut || len(args) == 0) && interpreterOf(p.Name) != nil {
		if all := t.proc.commandLineOf(s.Key); all != nil {
			args = all
		}
	}
	t.begin(p)
	t.finish(p, args)
	t.Put(p)
	return p
}

// executable returns the name and the path of what runs. What is in memory only is
// named by who put it there, and else by how it calls itself.
func (t *Table) executable(s *Start) (name, file string) {
	name, file = s.Exe, s.File
	if name == "" {
		name = path.Base(file)
	}
	if inMemory, ok := strings.CutPrefix(name, "memfd:"); ok {
		return memoryName(inMemory, s.Args), file
	}
	if resolved := t.links.resolved(file); path.Base(resolved) == name && !strings.HasPrefix(file, "/proc/") {
		return name, resolved
	}
	if exe := t.proc.link(s.Key, "exe"); path.Base(exe) == name {
		return name, exe
	}
	for _, key := range []Key{s.Key, s.Parent} {
		if before, ok := t.processes.Get(key); ok && path.Base(before.Path) == name {
			return name, before.Path
		}
	}
	return name, file
}

// memoryName: runc copies itself into memory under its own name and more.
func memoryName(name string, args []string) string {
	if runtime, ok := strings.CutPrefix(name, "runc_cloned:"); ok && strings.HasPrefix(runtime, "/proc/") {
		return "runc"
	}
	if name == "" && len(args) > 0 {
		name = path.Base(args[0])
	}
	return bounded(cmp.Or(path.Base(name), "memfd"))
}

// finish fills in what follows from the rest: the program and the service.
func (t *Table) finish(p *Process, args []string) {
	of := Invocation{Executable: p.Name, Args: args, Folder: func() string { return t.proc.workingFolder(p.Key.PID) }}
	p.program = of.Program()
	if p.Name == "java" {
		d := declaredBy(args)
		p.declared.Name = cmp.Or(p.declared.Name, d.Name)
	}
	if len(args) > 0 {
		p.Name = of.executable()
	}
	t.assign(p)
}

// assign finds the service of a process, and the process that stands for the instance:
// the first of a line that belong to the same service.
func (t *Table) assign(p *Process) {
	parent, _ := t.processes.Peek(p.Parent)
	exported, isExporter := t.exported.Get(p.Key)
	if parent != nil && !isExporter && parent.Path == p.Path {
		exported, isExporter = t.exported.Get(parent.root)
	}
	declared := p.declared
	if declared.Name == "" && isExporter {
		declared = exported
	}
	place := *p.where
	place.Service, place.Namespace, place.Version = declared.Name, declared.Namespace, declared.Version
	if place.Service == "" {
		place.Service = t.undeclared(p, &place)
	}
	p.root = p.Key
	if parent != nil && parent.Place != nil && parent.where == p.where && parent.Place.Service == place.Service &&
		(declared.Name != "" || parent.Path == p.Path) {
		p.root = parent.root
	}
	switch {
	case declared.Instance != "":
		place.Instance = declared.Instance
	case place.ContainerID != "":
		place.Instance = place.ContainerID
	case declared.Name != "" && t.isInstance(p):
		place.Instance = p.root.String()
	}
	p.Place = t.Intern(place)
}

// shownID is how much of a container's id people write.
const shownID = 12

func (t *Table) undeclared(p *Process, place *Place) string {
	var names containerNames
	if place.ContainerID != "" {
		names = t.containers.namesOf(place.ContainerID)
		place.Namespace = cmp.Or(place.Namespace, names.namespace)
	}
	id := place.ContainerID
	if len(id) > shownID {
		id = id[:shownID]
	}
	return cmp.Or(names.service, unitOf(place), names.name, id, p.program, p.Name)
}

// Exports takes in that a process sends telemetry of that service to this collector.
// A process that sends that of several only passes it on, and keeps its own name. What
// is not certain counts from the second time on, of a process that listens: a script may
// send what it likes, and is no service.
func (t *Table) Exports(key Key, of Declared, certain bool) {
	p, ok := t.processes.Get(key)
	if !ok || of.Name == "" {
		return
	}
	if !certain {
		if !t.listeners.has(key) && !t.listeners.has(p.root) {
			return
		}
		before, again := t.once.Get(key)
		t.once.Add(key, of.Name)
		switch {
		case !again:
			return
		case before != of.Name:
			of = Declared{}
		}
	}
	if known, ok := t.exported.Get(key); ok && known.Name != of.Name {
		of = Declared{}
	}
	t.exported.Add(key, of)
	t.exported.Add(p.root, of)
	for _, other := range t.processes.Values() {
		if other.Key == key || other.root == p.root {
			again := *other
			t.assign(&again)
			t.Put(&again)
		}
	}
}

// executableIn is a file that runs in a place.
type executableIn struct {
	where *Place
	name  string
}

// Runs reports whether the table has a process with that executable in that place.
func (t *Table) Runs(where *Place, executable string) bool {
	t.indexShared()
	_, ok := t.shared[executableIn{where, executable}]
	return ok
}

// Shared returns the place with the service that all processes belong to which run that
// executable there. Where they belong to several it returns the place alone.
func (t *Table) Shared(where *Place, executable string) *Place {
	t.indexShared()
	if place, ok := t.shared[executableIn{where, executable}]; ok {
		return place
	}
	return where
}

// indexShared builds the index of places by executable if it is out of date.
func (t *Table) indexShared() {
	if t.shared != nil {
		return
	}
	t.shared = map[executableIn]*Place{}
	for _, p := range t.processes.Values() {
		key := executableIn{p.where, p.Name}
		if known, ok := t.shared[key]; ok && known != p.Place {
			t.shared[key] = p.where
			continue
		}
		t.shared[key] = p.Place
	}
}

// Generation grows with each change of what is known of a process: who keeps one looks
// it up again.
func (t *Table) Generation() uint64 { return t.generation }
