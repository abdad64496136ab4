// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pprofile"

	"github.com/tapio/tapio/internal/model"
)

// The bounds of what is read of one request. References make much of few bytes.
const (
	maxProfileDepth = 1024    // frames of a stack; what is above is one truncated frame
	maxStackFrames  = 4 << 20 // of all stacks together
	maxSetValues    = 1 << 20 // attributes of all sets together
	maxFrameText    = 4 << 10 // bytes of a name
)

// profileReader translates the dictionary of a request, as far as it is used.
type profileReader struct {
	dictionary pprofile.ProfilesDictionary
	out        *model.ProfileDictionary
	rejected   model.ProfileRejections

	frames    map[model.Frame]uint32
	mappings  map[int32]mapping
	locations map[int32][]uint32 // nil for one with a reference that leads nowhere
	stacks    map[int32]uint32
	bad       map[int32]string // why stacks are left out
	sets      map[string]uint32
	expanded  int // frames of stacks so far
	values    int // attributes of sets so far
	table     map[int32]model.KeyValue
	resolved  map[int32]pcommon.Value // nil until one is needed
}

func newProfileReader(dictionary pprofile.ProfilesDictionary) *profileReader {
	return &profileReader{
		dictionary: dictionary, out: &model.ProfileDictionary{}, rejected: model.ProfileRejections{},
		frames: map[model.Frame]uint32{}, mappings: map[int32]mapping{}, locations: map[int32][]uint32{}, stacks: map[int32]uint32{},
		bad: map[int32]string{}, sets: map[string]uint32{}, table: map[int32]model.KeyValue{},
	}
}

// text reads an entry of the table of texts. Entry 0 is the empty text, also of a table
// without entries.
func (r *profileReader) text(i int32) (text string, ok bool) {
	table := r.dictionary.StringTable()
	switch {
	case i == 0 && table.Len() == 0:
		return "", true
	case i < 0 || int(i) >= table.Len():
		return "", false
	}
	text = table.At(int(i))
	if len(text) > maxFrameText {
		text = strings.ToValidUTF8(text[:maxFrameText], "")
	}
	return text, true
}

// stack translates a stack. The reason why it cannot be is empty if it can.
func (r *profileReader) stack(i int32) (stack uint32, reason string) {
	if known, found := r.stacks[i]; found {
		return known, ""
	}
	if reason, found := r.bad[i]; found {
		return 0, reason
	}
	frames, reason := r.expand(i)
	if reason != "" {
		r.bad[i] = reason
		return 0, reason
	}
	stack = uint32(len(r.out.Stacks))
	r.out.Stacks = append(r.out.Stacks, frames)
	r.stacks[i] = stack
	return stack, ""
}

func (r *profileReader) expand(i int32) (frames []uint32, reason string) {
	table := r.dictionary.StackTable()
	switch {
	case i == 0 && table.Len() == 0:
		return nil, ""
	case i < 0 || int(i) >= table.Len():
		return nil, model.ProfileDangling
	}
	for _, at := range table.At(int(i)).LocationIndices().All() {
		location, ok := r.location(at)
		if !ok {
			return nil, model.ProfileDangling
		}
		frames = append(frames, location...)
		if len(frames) > maxProfileDepth {
			frames = append(frames[:maxProfileDepth], r.frame(model.Frame{Kind: model.FrameTruncated}))
			break
		}
	}
	if r.expanded += len(frames); r.expanded > maxStackFrames {
		return nil, model.ProfileTooLarge
	}
	return frames, ""
}

// location translates a location: a frame for each function that was inlined, the
// innermost first.
func (r *profileReader) location(i int32) (frames []uint32, ok bool) {
	if known, found := r.locations[i]; found {
		return known, known != nil
	}
	frames = r.newLocation(i)
	r.locations[i] = frames
	return frames, frames != nil
}

func (r *profileReader) newLocation(i int32) []uint32 {
	table := r.dictionary.LocationTable()
	if i < 0 || int(i) >= table.Len() {
		return nil
	}
	l := table.At(int(i))
	base, ok := r.mappingOf(l)
	if !ok {
		return nil
	}
	if base.Kind, ok = r.textAttribute(l.AttributeIndices(), frameTypeKey); !ok {
		return nil
	}
	if l.Lines().Len() == 0 {
		if i == 0 && base == (model.Frame{}) { // the null entry
			return []uint32{}
		}
		return []uint32{r.frame(base)}
	}
	frames := make([]uint32, 0, min(l.Lines().Len(), maxProfileDepth))
	for _, line := range l.Lines().All() {
		if len(frames) == maxProfileDepth {
			break
		}
		f, ok := r.line(line, base)
		if !ok {
			return nil
		}
		frames = append(frames, r.frame(f))
	}
	return frames
}

// mappingOf returns a frame with the mapping and address of a location.
func (r *profileReader) mappingOf(l pprofile.Location) (f model.Frame, ok bool) {
	f.Address = l.Address()
	table := r.dictionary.MappingTable()
	i := int(l.MappingIndex())
	if i == 0 && table.Len() == 0 {
		return f, true
	}
	if i < 0 || i >= table.Len() {
		return f, false
	}
	m := table.At(i)
	if m.MemoryStart() > 0 && f.Address >= m.MemoryStart() {
		f.Address += m.FileOffset() - m.MemoryStart()
	}
	known := r.mapping(int32(i), m)
	f.Mapping, f.BuildID = known.file, known.buildID
	return f, known.ok
}

// mapping is what frames need of an entry of the mapping table; ok is false if one of its
// references leads nowhere.
type mapping struct {
	file, buildID string
	ok            bool
}

// mapping reads an entry once: it may have very many attributes, and very many locations.
func (r *profileReader) mapping(i int32, from pprofile.Mapping) mapping {
	if known, found := r.mappings[i]; found {
		return known
	}
	var m mapping
	if m.file, m.ok = r.text(from.FilenameStrindex()); m.ok {
		for _, key := range []string{gnuBuildIDKey, goBuildIDKey, hashBuildIDKey} {
			if m.buildID, m.ok = r.textAttribute(from.AttributeIndices(), key); !m.ok || m.buildID != "" {
				break
			}
		}
	}
	r.mappings[i] = m
	return m
}

// line is the frame of a function. One without a name stays one of its address.
func (r *profileReader) line(line pprofile.Line, base model.Frame) (f model.Frame, ok bool) {
	table := r.dictionary.FunctionTable()
	i := int(line.FunctionIndex())
	if i == 0 && table.Len() == 0 {
		return base, true
	}
	if i < 0 || i >= table.Len() {
		return f, false
	}
	function := table.At(i)
	name, named := r.text(function.NameStrindex())
	system, known := r.text(function.SystemNameStrindex())
	file, found := r.text(function.FilenameStrindex())
	if !named || !known || !found {
		return f, false
	}
	if name == "" {
		name = system
	}
	f = base
	if name != "" {
		f.Function, f.File, f.Line, f.Address = name, file, line.Line(), 0
	}
	return f, true
}

func (r *profileReader) frame(f model.Frame) uint32 {
	if i, found := r.frames[f]; found {
		return i
	}
	i := uint32(len(r.out.Frames))
	r.out.Frames = append(r.out.Frames, f)
	r.frames[f] = i
	return i
}
