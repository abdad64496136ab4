//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"bytes"
	"debug/elf"
	"io"
	"math"
	"os"
	"strconv"

	"github.com/tapio/tapio/internal/model"
)

func (r *Resolver) inFile(of Process, m *mapping, address uint64) model.Frame {
	o, file := r.object(of, m)
	if o == nil {
		return model.Frame{Kind: KindNative, Mapping: m.name(), Address: address - m.start + m.offset}
	}
	return r.inObject(o, func() (own, debug io.ReaderAt) { return r.readers(of, m, o, file) }, m, address)
}

// inObject looks an address up in a file. Without readers its own bytes are in memory.
func (r *Resolver) inObject(o *object, readers func() (own, debug io.ReaderAt), m *mapping, address uint64) model.Frame {
	f := model.Frame{Kind: KindNative, Mapping: m.name(), Address: address - m.start + m.offset}
	if o == nil {
		return f
	}
	f.BuildID = o.buildID
	at, ok := o.addressOf(f.Address)
	if !ok {
		return f
	}
	f.Address = at
	return r.located(o, readers, f)
}

// located completes a frame whose address is one of the file.
func (r *Resolver) located(o *object, readers func() (own, debug io.ReaderAt), f model.Frame) model.Frame {
	known, ok := o.frames[f.Address]
	if !ok {
		own, debug := io.ReaderAt(bytes.NewReader(r.vdso)), io.ReaderAt(nil)
		if readers != nil {
			own, debug = readers()
		}
		if own == nil {
			return f // it may be there the next time
		}
		known = o.locate(own, debug, f.Address)
		o.frames[f.Address] = known
		r.grow(o, frameBytes+len(known.function)+len(known.file))
	}
	if known.function != "" {
		f.Function, f.File, f.Line, f.Address = known.function, known.file, known.line, 0
		if o.golang != nil && known.file != "" {
			f.Kind = KindGo
		}
	}
	return f
}

func (r *Resolver) grow(o *object, by int) {
	o.bytes += by
	r.bytes += by
	r.evictObjects(1) // never the file in use, which is the newest
}

// locate finds the function of an address of the file.
func (o *object) locate(own, debug io.ReaderAt, at uint64) (l located) {
	if o.golang != nil {
		if l, ok := o.golang.find(own, at); ok {
			return l
		}
	}
	if o.symbols == nil {
		return l
	}
	from := own
	if o.symbols.debug != nil {
		from = debug
	}
	if found := o.symbols.find(at); len(found) > 0 && from != nil {
		l.function = o.symbols.name(from, found)
	}
	return l
}

// readers opens what names are read from.
func (r *Resolver) readers(of Process, m *mapping, o *object, file *os.File) (own, debug io.ReaderAt) {
	if file == nil {
		if file = r.opened(m.key, func() (*os.File, error) { return openMapped(r.proc, of, m) }); file == nil {
			return nil, nil
		}
	}
	if o.symbols != nil && o.symbols.debug != nil {
		from := r.opened(m.key+":debug", func() (*os.File, error) { return o.symbols.debug.open(r.roots(of)) })
		if from == nil {
			return nil, nil
		}
		return file, from
	}
	return file, nil
}

// opened keeps a file open until the end of the batch.
func (r *Resolver) opened(key string, open func() (*os.File, error)) *os.File {
	if file, ok := r.open[key]; ok {
		return file
	}
	file, err := open()
	if err != nil {
		return nil
	}
	if len(r.open) >= maxOpen {
		for other, oldest := range r.open {
			_ = oldest.Close()
			delete(r.open, other)
			break
		}
	}
	r.open[key] = file
	return file
}

func (r *Resolver) roots(of Process) debugRoots {
	return debugRoots{process: procFile(r.proc, of.PID, "root"), host: r.root}
}

// object returns that of a mapping, nil if it cannot be read, and the file if it was
// opened for that.
func (r *Resolver) object(of Process, m *mapping) (*object, *os.File) {
	if o, ok := r.objects.Get(m.key); ok && m.key != "" {
		return o, nil
	}
	if m.failed || m.failedIn == r.batch {
		return nil, nil
	}
	file, err := openMapped(r.proc, of, m)
	if err != nil {
		m.failedIn = r.batch // the process may be gone, but others map the file too
		return nil, nil
	}
	o, key, err := r.load(of, m, file)
	if err != nil {
		m.failed = true
		_ = file.Close()
		return nil, nil
	}
	m.key = key
	return o, r.opened(key, func() (*os.File, error) { return file, nil })
}

// load reads a file, or returns what was read of one with the same build ID.
func (r *Resolver) load(of Process, m *mapping, file *os.File) (*object, string, error) {
	id, _, err := identify(file)
	if err != nil {
		return nil, "", err
	}
	o, parsed, err := newObject(file)
	if err != nil {
		return nil, "", err
	}
	key := id.String()
	if o.buildID != "" {
		key = o.buildID + ":" + strconv.FormatInt(id.size, 10)
	}
	if known, ok := r.objects.Get(key); ok {
		return known, key, nil
	}
	o.golang, _ = newGoTable(file, parsed) // nil for most files
	if o.symbols, o.tooLarge = readSymbols(file, parsed, elf.SHT_SYMTAB); o.symbols == nil && !o.tooLarge && o.golang == nil {
		o.symbols, o.tooLarge = findDebugSymbols(o, parsed, m.path, r.roots(of))
	}
	if o.symbols == nil && !o.tooLarge {
		o.symbols, o.tooLarge = readSymbols(file, parsed, elf.SHT_DYNSYM)
	}
	if o.tooLarge {
		r.counts.tooLarge.Add(1)
	}
	r.keep(key, o)
	return o, key, nil
}

func (r *Resolver) keep(key string, o *object) {
	o.bytes = 512 + len(o.segments)*24
	if o.symbols != nil {
		o.bytes += cap(o.symbols.list) * 16
	}
	r.bytes += o.bytes
	r.objects.Add(key, o)
	r.evictObjects(1)
}

// vdsoKey is that of the code that the kernel maps into each process.
const vdsoKey = "[vdso]"

// vdsoObject reads that code from the memory of this process: all have the same.
func (r *Resolver) vdsoObject() *object {
	if o, ok := r.objects.Get(vdsoKey); ok {
		return o
	}
	r.vdso = readVDSO(r.proc)
	o, parsed, err := newObject(bytes.NewReader(r.vdso))
	if err != nil {
		o = &object{frames: map[uint64]located{}, segments: []segment{{size: math.MaxInt64}}}
	} else {
		o.symbols, _ = readSymbols(bytes.NewReader(r.vdso), parsed, elf.SHT_DYNSYM)
	}
	r.keep(vdsoKey, o)
	return o
}

func readVDSO(proc string) []byte {
	text, err := readBounded(proc+"/self/maps", maxMaps)
	if err != nil {
		return nil
	}
	for _, m := range parseMappings(text) {
		if m.path != vdsoKey {
			continue
		}
		memory, err := os.Open(proc + "/self/mem")
		if err != nil {
			return nil
		}
		defer func() { _ = memory.Close() }()
		code := make([]byte, min(m.end-m.start, 1<<20))
		if _, err := memory.ReadAt(code, int64(m.start)); err != nil {
			return nil
		}
		return code
	}
	return nil
}
