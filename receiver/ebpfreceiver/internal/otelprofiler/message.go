//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otelprofiler

import "github.com/tapio/tapio/internal/model"

// Command is the first argument of the process of the profiler; the second one is how
// many samples a second it takes.
const Command = "opentelemetry-ebpf-profiler"

// maxKnownFrames bounds the frames that both ends of the pipe know by number.
const maxKnownFrames = 16_384

// message goes from the process of the profiler to the receiver; one of its parts is set.
type message struct {
	// Failed is why the profiler ends.
	Failed string
	// Warning is a line of the profiler's log, an error if Severe.
	Warning string
	Severe  bool
	// Sample has its frames by number; those that were not sent before are in New. They count
	// from 0 again after Forget.
	Sample  *Sample
	Program bool // a program was sampled, and not only the kernel
	Numbers []uint32
	New     []model.Frame
	Forget  bool
}

// frameNumbers are the numbers of frames at the end that sends.
type frameNumbers struct{ known map[model.Frame]uint32 }

// put sets the frames of the sample of m as numbers.
func (n *frameNumbers) put(m *message, frames []model.Frame) {
	if m.Forget = n.known == nil || len(n.known)+len(frames) > maxKnownFrames; m.Forget {
		n.known = map[model.Frame]uint32{}
	}
	for _, f := range frames {
		number, found := n.known[f]
		if !found {
			number = uint32(len(n.known))
			n.known[f] = number
			m.New = append(m.New, f)
		}
		m.Numbers = append(m.Numbers, number)
	}
}

// knownFrames are the frames by number at the end that receives.
type knownFrames struct{ list []model.Frame }

// take takes in the new frames of m and returns those of its sample. A number without a
// frame is a truncated one.
func (k *knownFrames) take(m *message) []model.Frame {
	if m.Forget {
		k.list = nil
	}
	k.list = append(k.list, m.New...)
	frames := make([]model.Frame, len(m.Numbers))
	for i, number := range m.Numbers {
		if int(number) < len(k.list) {
			frames[i] = k.list[number]
		} else {
			frames[i] = model.Frame{Kind: model.FrameTruncated}
		}
	}
	return frames
}
