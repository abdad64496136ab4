// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package ebpfreceiver

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/otelprofiler"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/profile"
)

// profilerProcess is the process of OpenTelemetry's profiler, 0 if there is none.
func profilerProcess(t *testing.T) (pid int) {
	t.Helper()
	children, err := filepath.Glob("/proc/self/task/*/children")
	require.NoError(t, err)
	for _, file := range children {
		list, _ := os.ReadFile(file)
		for _, child := range strings.Fields(string(list)) {
			line, _ := os.ReadFile("/proc/" + child + "/cmdline")
			if bytes.Contains(line, []byte(otelprofiler.Command)) {
				pid, err = strconv.Atoi(child)
				require.NoError(t, err)
			}
		}
	}
	return pid
}

// takenOver waits for the message that the probe samples CPUs itself, and for its samples.
func (s *observedSettings) takenOver(t *testing.T, sink *consumertest.ProfilesSink, why string) {
	t.Helper()
	require.Eventually(t, func() bool { return s.logs.FilterMessageSnippet("profile, on_cpu").Len() == 1 }, 2*time.Minute, 50*time.Millisecond)
	assert.Regexp(t, why, s.logs.FilterMessageSnippet("profile, on_cpu").All()[0].ContextMap()["error"])
	assert.Zero(t, profilerProcess(t), "nothing of it is left")
	burns(t, sink, running(t, compiled(t, "burn.c")), model.Frame{Function: "burn_in_c", Kind: "native"})
}

// A crash of OpenTelemetry's profiler ends its own process and nothing else: the probe goes on
// and reports why.
func TestACrashOfOpenTelemetrysProfilerIsContained(t *testing.T) {
	if !permitted(t) {
		return
	}
	config, set := otelProfiled(profile.CPUProfilerAuto, 97)
	sink, _ := started(t, config, set.Settings)
	set.waits(t)
	require.NoError(t, syscall.Kill(profilerProcess(t), syscall.SIGABRT))
	set.takenOver(t, sink, "stopped by itself.*\n.*exit status")
}

// A program that maps a library of 500 MB may make OpenTelemetry's profiler take hundreds of
// megabytes. It stays within its bound or, if it takes more, is ended, and the probe samples
// CPUs itself.
func TestAVeryLargeLibraryDoesNotBreakTheBound(t *testing.T) {
	if underRace {
		t.Skip("the race detector takes more memory than the bound")
	}
	if !permitted(t) {
		return
	}
	needs(t, "python3")
	library := filepath.Join(t.TempDir(), "libverylarge.so")
	writeLargeLibrary(t, library, 500<<20, 2_000_000)
	config, set := otelProfiled(profile.CPUProfilerAuto, 97)
	sink, _ := started(t, config, set.Settings)
	set.waits(t)
	const maps = `import mmap, sys
file = open(sys.argv[1], "rb")
code = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC)
while True: pass`
	running(t, "python3", "-c", maps, library)
	limit := int64(config.Probes.Profile.CPUProfilerMemoryLimitMiB)
	over := 0 // times in a row, a second apart; its memory is looked at four times a second
	for range 30 {
		pid := profilerProcess(t)
		if pid == 0 {
			set.takenOver(t, sink, fmt.Sprintf("more than %d MiB", limit))
			return
		}
		if over++; anonymousMiB(pid) <= limit {
			over = 0
		}
		require.Less(t, over, 3, "it goes on beyond its bound")
		time.Sleep(time.Second)
	}
}

// anonymousMiB is the memory of a process apart from files, 0 if it has ended.
func anonymousMiB(pid int) int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(status), "RssAnon:")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kilobytes, _ := strconv.ParseInt(number, 10, 64) // "" reads as 0
	return kilobytes >> 10
}

// writeLargeLibrary writes an ELF file with so much code, which is a hole, and for so many functions
// in it how to unwind them.
func writeLargeLibrary(t *testing.T, path string, code, functions uint64) {
	t.Helper()
	const codeAt, headers = 0x1000, 3
	framesAt := codeAt + code
	var frames, table bytes.Buffer
	le := binary.LittleEndian
	frames.Write(le.AppendUint32(nil, 16))
	frames.Write([]byte{0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8}) // the common part: the CFA is rsp+8
	table.Write([]byte{1, 0x1b, 0x03, 0x3b})
	tableAt := framesAt + 20 + functions*32 + 8
	table.Write(le.AppendUint32(nil, uint32(framesAt-(tableAt+4))))
	table.Write(le.AppendUint32(nil, uint32(functions)))
	for i := range functions {
		function, at := codeAt+i*code/functions, framesAt+uint64(frames.Len())
		table.Write(le.AppendUint32(nil, uint32(function-tableAt)))
		table.Write(le.AppendUint32(nil, uint32(at-tableAt)))
		frames.Write(le.AppendUint32(nil, 28))
		frames.Write(le.AppendUint32(nil, uint32(frames.Len())))
		frames.Write(le.AppendUint32(nil, uint32(function-(at+8))))
		frames.Write(le.AppendUint32(nil, uint32(code/functions)))
		// Its frame grows four times.
		frames.Write([]byte{0, 0x41, 0x0e, 16, 0x44, 0x0e, 24, 0x44, 0x0e, 32, 0x44, 0x0e, 40, 0, 0, 0})
	}
	frames.Write(make([]byte, 8)) // the end
	require.EqualValues(t, tableAt, framesAt+uint64(frames.Len()))
	head := elf.Header64{
		Type: uint16(elf.ET_DYN), Machine: uint16(machine()), Version: 1, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: headers,
	}
	copy(head.Ident[:], "\x7fELF\x02\x01\x01")
	all := []elf.Prog64{
		{Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Filesz: framesAt, Memsz: framesAt, Align: codeAt},
		{
			Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R), Off: framesAt, Vaddr: framesAt, Filesz: uint64(frames.Len() + table.Len()),
			Memsz: uint64(frames.Len() + table.Len()), Align: codeAt,
		},
		{
			Type: uint32(elf.PT_GNU_EH_FRAME), Flags: uint32(elf.PF_R), Off: tableAt, Vaddr: tableAt, Filesz: uint64(table.Len()),
			Memsz: uint64(table.Len()), Align: 4,
		},
	}
	var start bytes.Buffer
	require.NoError(t, binary.Write(&start, le, head))
	require.NoError(t, binary.Write(&start, le, all))
	file, err := os.Create(path)
	require.NoError(t, err)
	_, err = file.Write(start.Bytes())
	require.NoError(t, err)
	_, err = file.WriteAt(append(frames.Bytes(), table.Bytes()...), int64(framesAt))
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

// machine is that of this program.
func machine() elf.Machine {
	if runtime.GOARCH == "arm64" {
		return elf.EM_AARCH64
	}
	return elf.EM_X86_64
}
