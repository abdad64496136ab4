//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"maps"
	"slices"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/symbols"
)

// owner is what a profile is of: a process, or all commands of one program in one place
// that ended before the interval did.
type owner struct {
	process  *identity.Process
	commands bool
}

// commandKey is what commands have in common that share a profile.
type commandKey struct {
	place      *identity.Place
	name, path string
}

func (o *owner) key() commandKey {
	return commandKey{o.process.Place, o.process.Name, o.process.Path}
}

// owners returns the processes that were sampled.
func (i *profileInterval) owners(table *identity.Table) map[symbols.Process]owner {
	owners := make(map[symbols.Process]owner, len(i.cgroups))
	for process, cgroup := range i.cgroups {
		of := table.Lookup(identity.Key{PID: process.PID, Start: process.Start}, cgroup)
		owners[process] = owner{of, table.EndedCommand(of)}
	}
	return owners
}

// mergeShortLived adds the samples of commands that share a profile up, under the first of
// them and without their threads: a host that builds software or runs scripts starts
// thousands, and a profile of each would fill the store. It does so with the threads of a process
// that ended before the interval did, as servers start one for each connection.
func (i *profileInterval) mergeShortLived(owners map[symbols.Process]owner, hasThread func(process, thread uint32) bool) {
	first := map[commandKey]symbols.Process{}
	for _, process := range slices.SortedFunc(maps.Keys(owners), compareProcesses) {
		of := owners[process]
		if _, found := first[of.key()]; of.commands && !found {
			first[of.key()] = process
		}
	}
	type thread struct{ process, id uint32 }
	ended := map[thread]bool{}
	merged := make(map[threadSample]sampleSum, len(i.samples))
	for sample, sum := range i.samples {
		if of := owners[sample.process]; of.commands {
			sample.process, sample.thread = first[of.key()], 0
		} else if sample.thread != sample.process.PID {
			at := thread{sample.process.PID, sample.thread}
			gone, known := ended[at]
			if !known {
				gone = !hasThread(at.process, at.id)
				ended[at] = gone
			}
			if gone {
				sample.thread = 0
			}
		}
		before := merged[sample]
		merged[sample] = sampleSum{before.Count + sum.Count, before.Nanoseconds + sum.Nanoseconds}
	}
	i.samples = merged
}
