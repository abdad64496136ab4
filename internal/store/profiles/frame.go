// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"math"
	"strings"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
)

// packedFrame is a frame whose texts are places. What line is defines the others.
type packedFrame struct{ module, function, file, line uint32 }

// frames are packed frames, by place.
type frames struct{ modules, functions, files, lines column }

// module is what many frames have in common.
type module struct{ mapping, buildID, kind string }

// oddFrame is one whose numbers do not fit, or that has both a function and an address.
type oddFrame struct {
	function, file uint32
	line           int64
	address        uint64
}

const (
	moduleSize  = int64(unsafe.Sizeof(module{}))
	oddSize     = int64(unsafe.Sizeof(oddFrame{}))
	addressSize = 8

	// Values of line that define the other fields of a packedFrame. Numbers of lines are
	// kept higher by as many.
	addressLine = 0 // function is a place in addresses: the frame has no texts
	oddLine     = 1 // function is a place in odd
	firstLine   = 2
)

func (f *frames) len() int { return f.modules.len() }

func (f *frames) at(i uint32) packedFrame {
	return packedFrame{f.modules.at(i), f.functions.at(i), f.files.at(i), f.lines.at(i)}
}

func (f *frames) is(i uint32, of packedFrame) bool { return f.at(i) == of }

func (f *frames) append(of packedFrame) {
	f.modules.append(of.module)
	f.functions.append(of.function)
	f.files.append(of.file)
	f.lines.append(of.line)
}

func (f *frames) size() int64 {
	return f.modules.size() + f.functions.size() + f.files.size() + f.lines.size()
}

func (f *frames) compact() {
	f.modules.compact()
	f.functions.compact()
	f.files.compact()
	f.lines.compact()
}

func (v *volume) pack(f *model.Frame) packedFrame {
	packed := packedFrame{module: v.module(f)}
	switch {
	case f.Function == "" && f.File == "" && f.Line == 0:
		packed.function, packed.line = internIn(&v.lookup.addresses, &v.addresses, f.Address), addressLine
	case f.Address == 0 && f.Line >= 0 && f.Line <= math.MaxUint32-firstLine:
		packed.function, packed.file, packed.line = v.text(f.Function), v.text(f.File), uint32(f.Line)+firstLine
	default:
		packed.function = internIn(&v.lookup.odd, &v.odd, oddFrame{v.text(f.Function), v.text(f.File), f.Line, f.Address})
		packed.line = oddLine
	}
	return packed
}

func (v *volume) module(f *model.Frame) uint32 {
	key := module{f.Mapping, f.BuildID, f.Kind}
	if place, found := v.lookup.modules.find(key, slice[module]{&v.modules}); found {
		return place
	}
	key = module{strings.Clone(f.Mapping), strings.Clone(f.BuildID), strings.Clone(f.Kind)}
	v.textBytes += int64(len(f.Mapping) + len(f.BuildID) + len(f.Kind))
	return internIn(&v.lookup.modules, &v.modules, key)
}

func (v *volume) frame(f *model.Frame) uint32 { return intern(&v.lookup.frames, &v.frames, v.pack(f)) }

// frame returns a frame as it came, or as it was named later.
func (v *view) frame(place uint32) model.Frame {
	if named, found := v.named[place]; found {
		return named
	}
	f := v.frames.at(place)
	m := &v.modules[f.module]
	frame := model.Frame{Mapping: m.mapping, BuildID: m.buildID, Kind: m.kind}
	switch f.line {
	case addressLine:
		frame.Address = v.addresses[f.function]
	case oddLine:
		of := &v.odd[f.function]
		frame.Function, frame.File, frame.Line, frame.Address = v.texts.at(of.function), v.texts.at(of.file), of.line, of.address
	default:
		frame.Function, frame.File, frame.Line = v.texts.at(f.function), v.texts.at(f.file), int64(f.line-firstLine)
	}
	return frame
}
