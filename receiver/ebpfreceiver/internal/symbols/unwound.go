//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"cmp"
	"io"

	"github.com/tapio/tapio/internal/model"
)

// Running returns the process that has the id now, without a start if there is none.
func Running(proc string, pid uint32) Process {
	of := Process{PID: pid}
	text, err := readBounded(procFile(proc, pid, "stat"), 4<<10)
	if err != nil {
		return of
	}
	if start, image, err := parseStat(text); err == nil {
		of.Start, of.Image = start, image
	}
	return of
}

// FunctionName shortens what other profilers write as a function's name to what this
// package makes of it: methods of Java without types, functions of Go without those of
// their instances.
func FunctionName(kind, name string) string {
	switch kind {
	case kindJVM:
		return cmp.Or(javaMethod(name), name)
	case KindGo:
		return withoutTypes(name)
	default:
		return name
	}
}

// Unwound names the function of a frame that another profiler has unwound: its address is
// one of the file whose name and build ID it has. A frame that it cannot name is returned
// as it is.
func (r *Resolver) Unwound(of Process, f model.Frame) model.Frame {
	p := r.process(of)
	m := p.named(f.Mapping)
	if m == nil && p.read != r.batch {
		r.read(of, p)
		m = p.named(f.Mapping)
	}
	if m == nil {
		return f
	}
	o, file := r.object(of, m)
	if o == nil || f.BuildID != "" && o.buildID != f.BuildID {
		return f
	}
	f.BuildID = o.buildID
	return r.located(o, func() (own, debug io.ReaderAt) { return r.readers(of, m, o, file) }, f)
}

// named returns the first mapping of a file of that name.
func (p *process) named(file string) *mapping {
	for i := range p.mappings {
		if m := &p.mappings[i]; m.isFile() && m.name() == file {
			return m
		}
	}
	return nil
}
