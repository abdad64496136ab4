// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package symbols

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

func self(t testing.TB) Process {
	t.Helper()
	text, err := os.ReadFile("/proc/self/stat")
	require.NoError(t, err)
	start, image, err := parseStat(text)
	require.NoError(t, err)
	return Process{PID: uint32(os.Getpid()), Start: start, Image: image}
}

func TestAddressesOfThisProgramAreNamed(t *testing.T) {
	r := NewResolver("/proc", 1<<20)
	r.Begin(time.Now())
	defer r.End()
	pc := reflect.ValueOf(self).Pointer()
	want, _ := runtime.CallersFrames([]uintptr{pc + 1}).Next()
	f := r.User(self(t), uint64(pc))
	assert.Equal(t, model.Frame{
		Function: want.Function, File: want.File, Line: int64(want.Line), Mapping: filepath.Base(os.Args[0]), BuildID: f.BuildID, Kind: KindGo,
	}, f)
	assert.NotEmpty(t, f.BuildID)
	assert.Equal(t, f, r.User(self(t), uint64(pc)), "from what is kept")
}

// Of each function of a program, its first and last address are looked up as the runtime
// itself does.
func TestGoTablesAgreeWithTheRuntime(t *testing.T) {
	file, err := os.Open("/proc/self/exe")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	parsed, err := elf.NewFile(file)
	require.NoError(t, err)
	table, err := newGoTable(file, parsed)
	require.NoError(t, err)
	seen := 0
	for i := 0; i < table.functions; i += 37 {
		begin, _, err := table.entry(file, i)
		require.NoError(t, err)
		pc := table.text + uint64(begin)
		want := runtime.FuncForPC(uintptr(pc))
		if want == nil || want.Entry() != uintptr(pc) || want.Name() == "" {
			continue // one that the runtime does not show
		}
		got, ok := table.find(file, pc)
		require.True(t, ok)
		wantFile, wantLine := want.FileLine(uintptr(pc))
		assert.Equal(t, want.Name(), got.function)
		if got.file == wantFile { // else a function was inlined at its beginning
			assert.Equal(t, int64(wantLine), got.line, want.Name())
		}
		seen++
	}
	assert.Greater(t, seen, 100)
}

// A process that is gone, another one with its id, and another program in it are not
// taken for it.
func TestAnotherProcessWithTheIDIsNotTakenForIt(t *testing.T) {
	me := self(t)
	pc := uint64(reflect.ValueOf(self).Pointer())
	for name, of := range map[string]Process{
		"reused":  {PID: me.PID, Start: me.Start + 1, Image: me.Image},
		"exec":    {PID: me.PID, Start: me.Start, Image: me.Image + 8},
		"missing": {PID: 1 << 30, Start: me.Start, Image: me.Image},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewResolver("/proc", 1<<20)
			r.Begin(time.Now())
			defer r.End()
			assert.Equal(t, model.Frame{Kind: KindNative}, r.User(of, pc))
			_, gone, _ := r.Counts()
			assert.Equal(t, uint64(1), gone)
		})
	}
}

// What was read of a process names its functions after its end.
func TestSymbolsOutliveTheProcess(t *testing.T) {
	command := exec.Command("/bin/sleep", "60")
	require.NoError(t, command.Start())
	r := NewResolver("/proc", 1<<20)
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", command.Process.Pid))
	require.NoError(t, err)
	start, _, err := parseStat(text)
	require.NoError(t, err)
	of := Process{PID: uint32(command.Process.Pid), Start: start}
	var m mapping
	require.Eventually(t, func() bool { // after the exec
		list, err := readMappings("/proc", of)
		for _, one := range list {
			if err == nil && strings.HasPrefix(one.name(), "libc") {
				m = one
			}
		}
		return m.start != 0
	}, 10*time.Second, time.Millisecond)
	r.Begin(time.Now())
	o, _ := r.object(of, &m)
	require.NotNil(t, o)
	require.NotNil(t, o.symbols)
	address := o.symbols.list[len(o.symbols.list)/2].address
	var at uint64
	for _, s := range o.segments {
		if address >= s.address && address-s.address < s.size {
			at = address - s.address + s.offset - m.offset + m.start
		}
	}
	before := r.User(of, at)
	r.End()
	assert.NotEmpty(t, before.Function)
	require.NoError(t, command.Process.Kill())
	_ = command.Wait()
	r.Begin(time.Now())
	assert.Equal(t, before, r.User(of, at))
	r.End()
}

func TestSymbolsAreBounded(t *testing.T) {
	r := NewResolver("/proc", 1) // too little for anything
	pc := uint64(reflect.ValueOf(self).Pointer())
	for range 3 {
		r.Begin(time.Now())
		assert.NotEmpty(t, r.User(self(t), pc).Function)
		r.End()
		assert.Zero(t, r.bytes)
		assert.Zero(t, r.objects.Len())
		assert.Empty(t, r.open)
	}
}

func TestDebugFilesAreFound(t *testing.T) {
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("needs a C compiler")
	}
	if _, err := exec.LookPath("objcopy"); err != nil {
		t.Skip("needs objcopy")
	}
	for name, ids := range map[string]string{"link": "-Wl,--build-id=none", "build ID": "-Wl,--build-id"} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			program := filepath.Join(root, "program")
			run(t, compiler, "-O1", ids, "-o", program, "testdata/lib.c")
			run(t, "objcopy", "--only-keep-debug", program, program+".debug")
			want := symbolOf(t, program, "named_by_debug_file")
			run(t, "strip", "--strip-all", program)
			run(t, "objcopy", "--add-gnu-debuglink="+program+".debug", program)
			file, err := os.Open(program)
			require.NoError(t, err)
			defer func() { require.NoError(t, file.Close()) }()
			o, parsed, err := newObject(file)
			require.NoError(t, err)
			roots := debugRoots{process: root, host: root}
			if o.buildID != "" {
				folder := filepath.Join(root, "usr/lib/debug/.build-id", o.buildID[:2])
				require.NoError(t, os.MkdirAll(folder, 0o755))
				require.NoError(t, os.Rename(program+".debug", filepath.Join(folder, o.buildID[2:]+".debug")))
			}
			o.symbols, _ = findDebugSymbols(o, parsed, "/program", roots)
			require.NotNil(t, o.symbols)
			debug, err := o.symbols.debug.open(roots)
			require.NoError(t, err)
			defer func() { require.NoError(t, debug.Close()) }()
			assert.Equal(t, "named_by_debug_file", o.locate(file, debug, want.Value+1).function)

			other := o.buildID
			o.buildID = strings.Repeat("0", 40)
			none, _ := findDebugSymbols(o, parsed, "/program", roots)
			assert.Nil(t, none, "that of another build, not %s", other)
		})
	}
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, string(out))
}

func symbolOf(t *testing.T, program, name string) elf.Symbol {
	t.Helper()
	file, err := elf.Open(program)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	all, err := file.Symbols()
	require.NoError(t, err)
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	require.Fail(t, "no symbol "+name)
	return elf.Symbol{}
}

func TestNamesOfCompilersAreReadable(t *testing.T) {
	for name, want := range map[string]string{
		"_ZN3foo3barEi": "foo::bar",
		"_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE": "core::fmt::Write::write_fmt",
		"_RNvC5crate4main":  "crate::main",
		"read@@GLIBC_2.2.5": "read",
		"main":              "main",
		"_Zzz":              "_Zzz",
	} {
		assert.Equal(t, want, readable(name))
	}
	assert.Negative(t, compareNames("read", "__read"))
}
