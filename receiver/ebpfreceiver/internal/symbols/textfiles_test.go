// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package symbols

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

func TestPerfMapsGrow(t *testing.T) {
	name := filepath.Join(t.TempDir(), "perf.map")
	write := func(text string) {
		file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		_, err = file.WriteString(text)
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}
	var p perfMap
	grow := func() {
		file, err := os.Open(name)
		require.NoError(t, err)
		require.NoError(t, p.grow(file))
		require.NoError(t, file.Close())
	}
	write("1000 100 JS:*hash /app/main.js:12:3\nnonsense\n2000 10 py::f:/app/m.py\n30")
	grow()
	assert.Equal(t, "JS:*hash /app/main.js:12:3", p.find(0x10ff))
	assert.Empty(t, p.find(0x1100))
	assert.Empty(t, p.find(0x3000), "a line that is not complete")
	write("00 8 later\n1080 10 Lcom/example/Main;::run\n")
	grow()
	assert.Equal(t, "later", p.find(0x3007))
	assert.Equal(t, "Lcom/example/Main;::run", p.find(0x1085), "what was compiled last")
	assert.Equal(t, "JS:*hash /app/main.js:12:3", p.find(0x1095))
	require.NoError(t, os.WriteFile(name, []byte("5000 8 new\n"), 0o600))
	grow()
	assert.Equal(t, "new", p.find(0x5000))
	assert.Empty(t, p.find(0x1085), "of another process")
	require.NoError(t, os.WriteFile(name, []byte("6000 8 rewritten\n7000 8 and longer\n"), 0o600))
	grow()
	assert.Equal(t, "rewritten", p.find(0x6000))
	assert.Equal(t, "and longer", p.find(0x7000))
	assert.Empty(t, p.find(0x5000))

	assert.Equal(t, model.Frame{Kind: kindV8, Function: "hash", File: "/app/main.js", Line: 12}, frameOfJIT("JS:*hash /app/main.js:12:3"))
	assert.Equal(t, model.Frame{Kind: kindV8, Function: "(anonymous)", File: "node:internal/x", Line: 7}, frameOfJIT("JS:~ node:internal/x:7:1"))
	assert.Equal(t, model.Frame{Kind: kindPython, Function: "f", File: "/app/m.py"}, frameOfJIT("py::f:/app/m.py"))
	assert.Equal(t, model.Frame{Kind: kindV8, Function: "Builtin:Call"}, frameOfJIT("Builtin:Call"))
	assert.Equal(t, model.Frame{Kind: kindV8, Function: "f", File: "/a.js", Line: 1}, frameOfJIT("LazyCompile:*f /a.js:1:2"))
	assert.Equal(t, model.Frame{Kind: kindJVM, Function: "com.example.Main.run"}, frameOfJIT("Lcom/example/Main;::run"))
	assert.Equal(t, model.Frame{Kind: kindJVM, Function: "Burn.burnInJava"}, frameOfJIT("void Burn.burnInJava(long)"))
	assert.Equal(t, model.Frame{Kind: kindJVM, Function: "java.lang.System.arraycopy"},
		frameOfJIT("void java.lang.System.arraycopy(java.lang.Object, int, java.lang.Object, int, int)"))
	assert.Equal(t, model.Frame{Function: "StubRoutines (1)"}, frameOfJIT("StubRoutines (1)"))
	assert.Equal(t, model.Frame{Function: "Interpreter"}, frameOfJIT("Interpreter"))
}

func TestPerfMapsAreBounded(t *testing.T) {
	var p perfMap
	line := []byte("1000 100 " + strings.Repeat("x", 1000) + "\n")
	for range 2 * maxPerfMap / len(line) {
		p.add(line)
	}
	assert.True(t, p.full)
	assert.LessOrEqual(t, p.bytes(), maxPerfMap)
}

// Another user's file is not believed.
func TestPerfMapsOfOtherUsersAreNotRead(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it gives a file away")
	}
	name := "/tmp/perf-" + strconv.Itoa(os.Getpid()) + ".map"
	require.NoError(t, os.WriteFile(name, []byte("1000 100 f\n"), 0o644))
	t.Cleanup(func() { require.NoError(t, os.Remove(name)) })
	file, err := openPerfMap("/proc", uint32(os.Getpid()))
	require.NoError(t, err)
	require.NoError(t, file.Close())
	require.NoError(t, os.Chown(name, 12345, -1))
	_, err = openPerfMap("/proc", uint32(os.Getpid()))
	assert.ErrorContains(t, err, "belongs to user 12345")
}

func TestKernelSymbols(t *testing.T) {
	k := parseKernelSymbols(strings.NewReader("ffffffff81000000 T _stext\nffffffff81000100 t do_work\nffffffff81000200 D data\nffffffffc0000000 t probe\t[nf_tables]\n"))
	assert.Equal(t, model.Frame{Function: "do_work", Mapping: "vmlinux", Kind: KindKernel}, k.find(0xffffffff81000180))
	assert.Equal(t, model.Frame{Function: "probe", Mapping: "nf_tables", Kind: KindKernel}, k.find(0xffffffffc0000001))
	assert.Empty(t, k.find(0x1000).Function)
	assert.True(t, parseKernelSymbols(strings.NewReader("0000000000000000 T _stext\n")).hidden)
	assert.False(t, k.hidden)
}

func TestMappings(t *testing.T) {
	list := parseMappings([]byte("00400000-00452000 r-xp 00001000 08:02 173521 /usr/bin/a b (deleted)\n00651000-00652000 r--p 00051000 08:02 173521 /usr/bin/x\n" +
		"7f00-8f00 rwxp 00000000 00:00 0\n7f0000000000-7f0000001000 rwxp 00000000 00:00 0 \n"))
	require.Len(t, list, 2)
	assert.Equal(t, mapping{start: 0x400000, end: 0x452000, offset: 0x1000, inode: 173521, path: "/usr/bin/a b (deleted)"}, list[0])
	assert.Equal(t, "a b", list[0].name())
	assert.True(t, list[0].isFile())
	assert.False(t, list[1].isFile())
}
