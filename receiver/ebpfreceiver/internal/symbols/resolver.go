//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/tapio/tapio/internal/model"
)

const (
	// KindNative is the type of frames of compiled programs.
	KindNative = "native"
	// KindGo is the type of Go's frames.
	KindGo = "go"

	maxObjects   = 4096
	maxProcesses = 4096
	maxOpen      = 32
	// maxProcessBytes bounds the mappings and perf maps of all processes.
	maxProcessBytes = 24 << 20
	mappingBytes    = 160
	frameBytes      = 120
)

// Resolver finds functions. It serves one goroutine but for Counts.
type Resolver struct {
	proc, root string
	maxBytes   int
	objects    *simplelru.LRU[string, *object]
	bytes      int // of objects
	processes  *simplelru.LRU[Process, *process]
	inProcess  int // bytes of processes
	kernel     *kernelSymbols
	vdso       []byte
	batch      uint64
	now        time.Time
	open       map[string]*os.File // until the end of the batch

	counts counts
}

type counts struct {
	tooLarge, gone atomic.Uint64
	held           atomic.Int64
}

// process is what is known of the memory of one.
type process struct {
	mappings []mapping
	read     uint64 // the batch in which the mappings were read
	perf     *perfMap
	perfRead uint64
	bytes    int
}

// NewResolver reads processes from that folder, /proc but for tests, and keeps symbols of
// so many bytes.
func NewResolver(proc string, maxBytes int) *Resolver {
	r := &Resolver{proc: proc, root: "/", maxBytes: maxBytes, open: map[string]*os.File{}}
	r.objects = newLRU(maxObjects, func(_ string, o *object) { r.bytes -= o.bytes })
	r.processes = newLRU(maxProcesses, func(_ Process, p *process) { r.inProcess -= p.bytes })
	return r
}

func newLRU[K comparable, V any](size int, gone func(K, V)) *simplelru.LRU[K, V] {
	lru, err := simplelru.NewLRU(size, gone)
	if err != nil {
		panic(err) // a size above zero is never refused
	}
	return lru
}

// Begin begins a batch: what is missing in what was read before is read again.
func (r *Resolver) Begin(now time.Time) {
	r.batch++
	r.now = now
}

// End closes the files of the batch and keeps to the bounds.
func (r *Resolver) End() {
	for _, file := range r.open {
		_ = file.Close()
	}
	clear(r.open)
	r.evictObjects(0)
	r.evictProcesses(0)
	r.counts.held.Store(int64(r.bytes + r.inProcess + r.kernel.bytes()))
}

// Counts returns how many files have more symbols than are kept, how many processes were
// gone before their memory was known, and the bytes that are held. It is called from any
// goroutine.
func (r *Resolver) Counts() (tooLarge, gone uint64, bytes int64) {
	return r.counts.tooLarge.Load(), r.counts.gone.Load(), r.counts.held.Load()
}

// KernelHidden reports whether this process may not know the addresses of the kernel.
func (r *Resolver) KernelHidden() bool {
	r.readKernel()
	return r.kernel.hidden
}

// OthersHidden is why this process may not see the memory of other users' processes, nil if
// it may.
func (r *Resolver) OthersHidden() error {
	_, err := readBounded(procFile(r.proc, 1, "maps"), 1)
	if errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

func (r *Resolver) readKernel() {
	if r.kernel != nil {
		return
	}
	k, err := readKernelSymbols(r.proc, r.now)
	if err != nil {
		k = &kernelSymbols{hidden: true, read: r.now}
	}
	r.kernel = k
}

// Kernel returns the frame of an address of the kernel.
func (r *Resolver) Kernel(address uint64) model.Frame {
	r.readKernel()
	f := r.kernel.find(address)
	if f.Function == "" && !r.kernel.hidden && r.now.Sub(r.kernel.read) >= kernelAge {
		r.kernel = nil
		r.readKernel()
		f = r.kernel.find(address)
	}
	return f
}

// User returns the frame of an address of a process. Without a function it has the place
// in the file and the build ID of that.
func (r *Resolver) User(of Process, address uint64) model.Frame {
	p := r.process(of)
	m := p.find(address)
	if m == nil && p.read != r.batch {
		r.read(of, p)
		m = p.find(address)
	}
	switch {
	case m == nil: // an address alone means nothing, and differs for each process
		return model.Frame{Kind: KindNative}
	case m.path == "[vdso]":
		return r.inObject(r.vdsoObject(), nil, m, address)
	case m.isFile():
		return r.inFile(of, m, address)
	}
	return r.jitted(of, p, m, address)
}

func (r *Resolver) process(of Process) *process {
	p, ok := r.processes.Get(of)
	if !ok {
		p = &process{}
		r.processes.Add(of, p)
		r.read(of, p)
		if p.mappings == nil {
			r.counts.gone.Add(1)
		}
	}
	return p
}

// read reads the mappings; those of one that is gone stay as they were.
func (r *Resolver) read(of Process, p *process) {
	p.read = r.batch
	if list, err := readMappings(r.proc, of); err == nil {
		p.mappings = list
		r.account(p)
	}
}

func (r *Resolver) account(p *process) {
	r.inProcess -= p.bytes
	p.bytes = len(p.mappings) * mappingBytes
	for i := range p.mappings {
		p.bytes += len(p.mappings[i].path)
	}
	if p.perf != nil {
		p.bytes += p.perf.bytes()
	}
	r.inProcess += p.bytes
	r.evictProcesses(1) // never the process in use, which is the newest
}

// evictProcesses keeps to the bound of processes, but keeps at least so many.
func (r *Resolver) evictProcesses(least int) {
	for r.inProcess > maxProcessBytes && r.processes.Len() > least {
		r.processes.RemoveOldest()
	}
}

// evictObjects keeps to the bound of symbols, but keeps at least so many files.
func (r *Resolver) evictObjects(least int) {
	for r.bytes > r.maxBytes && r.objects.Len() > least {
		r.objects.RemoveOldest()
	}
}

func (p *process) find(address uint64) *mapping {
	low, high := 0, len(p.mappings)
	for low < high {
		middle := (low + high) / 2
		if p.mappings[middle].end <= address {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < len(p.mappings) && p.mappings[low].start <= address {
		return &p.mappings[low]
	}
	return nil
}

// anonymous is the name of memory that programs execute and that has none.
const anonymous = "[anonymous]"

// jitted looks an address up that is in no file.
func (r *Resolver) jitted(of Process, p *process, m *mapping, address uint64) model.Frame {
	if p.perf == nil {
		p.perf = &perfMap{}
	}
	name := p.perf.find(address)
	if name == "" && p.perfRead != r.batch {
		p.perfRead = r.batch
		r.readPerfMap(of, p)
		name = p.perf.find(address)
	}
	if name == "" {
		return model.Frame{Kind: KindNative, Mapping: cmp.Or(m.path, anonymous)} // its address is another one in each process
	}
	return frameOfJIT(name)
}

func (r *Resolver) readPerfMap(of Process, p *process) {
	if !runs(r.proc, of) {
		return
	}
	file, err := openPerfMap(r.proc, of.PID)
	if err != nil {
		return // most processes have none
	}
	defer func() { _ = file.Close() }()
	if err := p.perf.grow(file); err != nil {
		*p.perf = perfMap{}
	}
	r.account(p)
}
