//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"encoding/binary"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/symbols"
)

const (
	// maxIntervalStacks and maxIntervalSamples bound what an interval holds.
	maxIntervalStacks  = 32768
	maxIntervalSamples = 65536
	// maxIntervalBytes bounds its frames and stacks, as programs choose their own names:
	// twice what the most stacks of usual names and depth take.
	maxIntervalBytes = 32 << 20
	// intervalFrame is what a frame takes apart from its texts.
	intervalFrame = 256
)

// The kinds of samples, of bpf/profile.bpf.c.
const (
	kindOnCPU = iota
	kindOffCPU
)

// rawStack is a stack of a process as the kernel has it.
type rawStack struct {
	process      symbols.Process
	user, kernel uint64
	kind         uint32
}

// resolvedStack is an entry of the dictionary, and why a thread was blocked there.
type resolvedStack struct {
	stack  uint32
	reason string
}

// threadSample is what is added up: a thread in a stack.
type threadSample struct {
	process symbols.Process
	thread  uint32
	comm    [16]byte
	kind    uint32
	link    spanLink
	resolvedStack
}

// profileInterval is what was sampled in a collection interval.
type profileInterval struct {
	began, ended time.Time
	period       time.Duration

	dictionary *model.ProfileDictionary
	frames     map[model.Frame]uint32
	known      map[string]uint32 // stacks by their frames
	bytes      int               // of the dictionary
	stacks     map[rawStack]resolvedStack
	samples    map[threadSample]sampleSum
	cgroups    map[symbols.Process]uint64
}

func newProfileInterval() *profileInterval {
	return &profileInterval{
		dictionary: &model.ProfileDictionary{}, frames: map[model.Frame]uint32{}, known: map[string]uint32{},
		stacks: map[rawStack]resolvedStack{}, samples: map[threadSample]sampleSum{}, cgroups: map[symbols.Process]uint64{},
	}
}

// add adds a sample up; it returns false if there are too many.
func (i *profileInterval) add(one *drainedSample, stack resolvedStack) bool {
	key := &one.key
	of := threadSample{process: key.process(), thread: key.Thread, comm: key.Comm, kind: key.Kind, link: one.link, resolvedStack: stack}
	sum, ok := i.samples[of]
	if !ok && len(i.samples) >= maxIntervalSamples {
		return false
	}
	sum.Count += one.sum.Count
	sum.Nanoseconds += one.sum.Nanoseconds
	i.samples[of] = sum
	if _, known := i.cgroups[of.process]; !known || key.Cgroup != 0 {
		i.cgroups[of.process] = key.Cgroup
	}
	return true
}

// count is how many samples were added up.
func (i *profileInterval) count() (n uint64) {
	for _, sum := range i.samples {
		n += sum.Count
	}
	return n
}

// stack returns the index of a stack.
func (i *profileInterval) stack(frames []model.Frame) uint32 {
	indexes := make([]uint32, len(frames))
	var key []byte
	for at, f := range frames {
		index, ok := i.frames[f]
		if !ok {
			index = uint32(len(i.dictionary.Frames))
			i.dictionary.Frames = append(i.dictionary.Frames, f)
			i.frames[f] = index
			i.bytes += intervalFrame + len(f.Function) + len(f.File) + len(f.Mapping) + len(f.BuildID)
		}
		indexes[at] = index
		key = binary.LittleEndian.AppendUint32(key, index)
	}
	if known, ok := i.known[string(key)]; ok {
		return known
	}
	index := uint32(len(i.dictionary.Stacks))
	i.dictionary.Stacks = append(i.dictionary.Stacks, indexes)
	i.known[string(key)] = index
	i.bytes += 3 * len(key)
	return index
}
