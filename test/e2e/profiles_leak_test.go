// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// leakFolder names the folder that the program which leaks writes its heap profiles to.
const leakFolder = "TAPIO_E2E_LEAK"

// The program that leaks: this test binary, run again by TestHeapLeak. It keeps what
// rememberSessions allocates, and lets go of what serveRequests does.
func TestLeakUnderProfile(t *testing.T) {
	folder := os.Getenv(leakFolder)
	if folder == "" {
		t.Skip("runs as the subject of another test only")
	}
	var sessions [][]byte
	for _, name := range []string{"before", "after"} {
		sessions = append(sessions, rememberSessions(64)...)
		serveRequests(512)
		runtime.GC()
		file, err := os.Create(filepath.Join(folder, name))
		require.NoError(t, err)
		require.NoError(t, pprof.Lookup("heap").WriteTo(file, 0))
		require.NoError(t, file.Close())
	}
	runtime.KeepAlive(sessions)
}

//go:noinline
func rememberSessions(n int) (sessions [][]byte) {
	for range n {
		sessions = append(sessions, make([]byte, 1<<20))
	}
	return sessions
}

//go:noinline
func serveRequests(n int) (sum int) {
	for range n {
		buffer := make([]byte, 1<<20)
		sum += copy(buffer, "request")
		runtime.KeepAlive(buffer)
	}
	return sum
}

// A heap leak is found by the diff of the live heap: the function that allocates most is
// another one.
func TestHeapLeak(t *testing.T) {
	t.Parallel()
	c := Start(t, withProfiles)
	folder := t.TempDir()
	program := exec.CommandContext(bounded(t), os.Args[0], "-test.run=^TestLeakUnderProfile$")
	program.Env = append(os.Environ(), leakFolder+"="+folder)
	out, err := program.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, version := range []string{"before", "after"} {
		tapioctl(t, c, "profile", "upload", "--service", "leaky", "--label", "service.version="+version, filepath.Join(folder, version))
	}
	diff := func(kind string) string {
		lines := strings.Split(string(tapioctl(t, c, "profile", "diff", "--service", "leaky", "--type", kind, "-l", "service.version=after",
			"--baseline-selector", "service.version=before")), "\n")
		return lines[1]
	}
	require.Regexp(t, `^\+[5-7]\d\.\d MiB .*rememberSessions`, diff("inuse_space"))
	require.Contains(t, diff("alloc_space"), "serveRequests")
}
