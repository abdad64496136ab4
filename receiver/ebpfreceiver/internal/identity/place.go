// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package identity says whose doing an event of the kernel was: which process,
// which of its ancestors, which container and pod.
package identity

import (
	"iter"
	"strings"
)

// Place is where a process runs, on the host itself or in a container, and as which
// service.
type Place struct {
	// Cgroup is the path that named the place.
	Cgroup      string
	ContainerID string
	PodUID      string
	// Service is empty for what belongs to no process.
	Service, Namespace, Version string
	// Instance is empty where the processes of a service on a host have nothing that
	// lasts to distinguish them by.
	Instance string
}

const hexDigits = "0123456789abcdef"

// PlaceOf reads /proc/PID/cgroup. Of the hierarchies of v1 and v2 the first that
// names a container counts; else that of the memory controller, or, if all are in
// its root, that of v2. bpf/event.h's cgroup_of chooses alike.
func PlaceOf(cgroups string) Place {
	var fallback string
	for controllers, path := range hierarchies(cgroups) {
		if place := PlaceOfPath(path); place.ContainerID != "" || place.PodUID != "" {
			return place
		}
		if controllers == memory && path != "/" || controllers == "" && fallback == "" {
			fallback = path
		}
	}
	return Place{Cgroup: fallback}
}

// memory is the controller of v1 by which engines name containers.
const memory = "memory"

// hierarchies yields the controllers of each, none of that of v2, and the path in
// it.
func hierarchies(cgroups string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for line := range strings.Lines(cgroups) {
			_, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
			if controllers, path, found := strings.Cut(rest, ":"); found && !yield(controllers, path) {
				return
			}
		}
	}
}

// PlaceOfPath finds the container and the pod in one path. Engines nest what
// they like below a container, so the deepest part that names one counts.
func PlaceOfPath(path string) Place {
	place := Place{Cgroup: path}
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == ':' })
	for i := len(parts) - 1; i >= 0; i-- {
		if place.ContainerID == "" {
			place.ContainerID = containerIn(parts[i], i, parts)
		}
		if place.PodUID == "" {
			place.PodUID = podIn(parts[i])
		}
	}
	return place
}

// containerIn knows <id>, <engine>-<id>.scope and what Fargate makes of it.
func containerIn(part string, at int, parts []string) string {
	part = strings.TrimSuffix(part, ".scope")
	engine, id := "", part
	if cut := strings.LastIndexByte(part, '-'); cut >= 0 {
		engine, id = part[:cut], part[cut+1:]
	}
	// conmon watches a container from outside it.
	if strings.HasSuffix(engine, "conmon") {
		return ""
	}
	if len(id) == 64 && allIn(id, hexDigits) {
		return id
	}
	if at > 1 && parts[at-2] == "ecs" && strings.HasPrefix(part, parts[at-1]+"-") {
		return part
	}
	return ""
}

// podIn knows pod<uid> and <slice>-pod<uid>.slice, where systemd wants _ for -.
// The uid of a static pod is a hash without dashes.
func podIn(part string) string {
	part = strings.TrimSuffix(part, ".slice")
	cut := strings.LastIndex(part, "pod")
	if cut < 0 || cut > 0 && part[cut-1] != '-' {
		return ""
	}
	uid := strings.ReplaceAll(part[cut+len("pod"):], "_", "-")
	switch {
	case len(uid) == 36 && strings.Count(uid, "-") == 4 && allIn(uid, hexDigits+"-"):
		return uid
	case len(uid) == 32 && allIn(uid, hexDigits):
		return uid
	}
	return ""
}

func allIn(s, set string) bool {
	return strings.Trim(s, set) == ""
}
