// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profiles

import (
	"math"
	"unsafe"

	"github.com/tapio/tapio/internal/model"
)

// packedFrame is a frame whose texts are places. One without a function has its address in
// function and file.
type packedFrame struct{ module, function, file, line uint32 }

// module is what many frames have in common, as places in texts.
type module struct{ mapping, buildID, kind uint32 }

// oddFrame is one whose numbers do not fit, or that has both a function and an address.
type oddFrame struct {
	function, file uint32
	line           int64
	address        uint64
}

const (
	packedSize = int64(unsafe.Sizeof(packedFrame{}))
	moduleSize = int64(unsafe.Sizeof(module{}))
	oddSize    = int64(unsafe.Sizeof(oddFrame{}))

	// Values of line that define the other fields of a packedFrame.
	addressLine = math.MaxUint32     // function and file are the address
	oddLine     = math.MaxUint32 - 1 // function is a place in odd
)

func (v *volume) pack(f *model.Frame) packedFrame {
	packed := packedFrame{module: intern(&v.lookup.modules, &v.modules, module{v.text(f.Mapping), v.text(f.BuildID), v.text(f.Kind)})}
	switch {
	case f.Function == "" && f.File == "" && f.Line == 0:
		packed.function, packed.file, packed.line = uint32(f.Address), uint32(f.Address>>32), addressLine
	case f.Address == 0 && f.Line >= 0 && f.Line < oddLine:
		packed.function, packed.file, packed.line = v.text(f.Function), v.text(f.File), uint32(f.Line)
	default:
		packed.function = intern(&v.lookup.odd, &v.odd, oddFrame{v.text(f.Function), v.text(f.File), f.Line, f.Address})
		packed.line = oddLine
	}
	return packed
}

func (v *volume) frame(f *model.Frame) uint32 { return intern(&v.lookup.frames, &v.frames, v.pack(f)) }

// frame returns a frame as it came, or as it was named later.
func (v *view) frame(place uint32) model.Frame {
	if named, found := v.named[place]; found {
		return named
	}
	f := &v.frames[place]
	m := &v.modules[f.module]
	frame := model.Frame{Mapping: v.texts[m.mapping], BuildID: v.texts[m.buildID], Kind: v.texts[m.kind]}
	switch f.line {
	case addressLine:
		frame.Address = uint64(f.file)<<32 | uint64(f.function)
	case oddLine:
		of := &v.odd[f.function]
		frame.Function, frame.File, frame.Line, frame.Address = v.texts[of.function], v.texts[of.file], of.line, of.address
	default:
		frame.Function, frame.File, frame.Line = v.texts[f.function], v.texts[f.file], int64(f.line)
	}
	return frame
}
