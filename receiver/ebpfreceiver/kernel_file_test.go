// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
)

// watchedFolder is a folder whose files the receiver reports.
func watchedFolder(t *testing.T, adapt func(*Config)) (folder string, s *seen) {
	t.Helper()
	folder, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	return folder, onThisKernel(t, func(c *Config) {
		c.Probes.File.Paths = []string{folder}
		adapt(c)
	})
}

func ofFile(file string) func(plog.LogRecord) bool {
	return func(record plog.LogRecord) bool {
		got, ok := record.Attributes().Get("file.path")
		return ok && got.Str() == file
	}
}

// run is a shell in that folder, so that what it does is not the receiver's own.
func run(t *testing.T, folder, script string) (pid int) {
	t.Helper()
	shell := exec.Command("sh", "-c", script)
	shell.Dir = folder
	out, err := shell.CombinedOutput()
	require.NoError(t, err, string(out))
	return shell.Process.Pid
}

func TestAFileThatIsWrittenIsReportedOnceAndExactly(t *testing.T) {
	folder, s := watchedFolder(t, func(*Config) {})
	file := filepath.Join(folder, "a.txt")
	writer := exec.Command("dd", "if=/dev/zero", "of="+file, "bs=10", "count=700")
	require.NoError(t, writer.Run())

	opened := s.event(t, "tapio.file.open", ofFile(file)).Attributes().AsRaw()
	assert.Equal(t, "O_WRONLY|O_CREAT|O_TRUNC", opened["tapio.file.flags"])
	assert.Equal(t, true, opened["tapio.file.created"])
	assert.Equal(t, "a.txt", opened["file.name"])
	assert.Equal(t, folder, opened["file.directory"])
	assert.Equal(t, "txt", opened["file.extension"])
	assert.Equal(t, "dd", opened["process.executable.name"])
	assert.Equal(t, int64(writer.Process.Pid), opened["process.pid"])
	assert.NotContains(t, opened, "error.type")

	written := s.event(t, "tapio.file.write", ofFile(file)).Attributes().AsRaw()
	assert.Equal(t, int64(7000), written["tapio.file.written"])
	assert.Equal(t, int64(700), written["tapio.file.writes"])
	assert.Equal(t, true, written["tapio.file.closed"])
	assert.Equal(t, opened["tapio.process.key"], written["tapio.process.key"])
	assert.Equal(t, opened["file.inode"], written["file.inode"])
}

func TestAFileThatStaysOpenIsReportedMeanwhile(t *testing.T) {
	folder, s := watchedFolder(t, func(c *Config) { c.Probes.File.WriteInterval = time.Second })
	file := filepath.Join(folder, "log")
	writer := exec.Command("sh", "-c", "exec 5>log; while echo 123456789 >&5; do sleep 0.05; done")
	writer.Dir = folder
	require.NoError(t, writer.Start())
	defer func() { _ = writer.Process.Kill(); _ = writer.Wait() }()
	meanwhile := s.event(t, "tapio.file.write", ofFile(file)).Attributes().AsRaw()
	assert.Equal(t, false, meanwhile["tapio.file.closed"])
	assert.Equal(t, meanwhile["tapio.file.writes"].(int64)*10, meanwhile["tapio.file.written"])
	require.NoError(t, writer.Process.Kill())
	s.event(t, "tapio.file.write", func(record plog.LogRecord) bool {
		closed, _ := record.Attributes().Get("tapio.file.closed")
		return ofFile(file)(record) && closed.Bool()
	})
}

func TestWhatFailsIsReportedWithItsReason(t *testing.T) {
	folder, s := watchedFolder(t, func(*Config) {})
	run(t, folder, "cat missing 2>/dev/null; rm nothing 2>/dev/null; mv none some 2>/dev/null; true")
	for name, event := range map[string]string{"missing": "tapio.file.open", "nothing": "tapio.file.unlink", "none": "tapio.file.rename"} {
		if event == "tapio.file.unlink" {
			continue // rm looks before it calls
		}
		failed := s.event(t, event, ofFile(filepath.Join(folder, name))).Attributes().AsRaw()
		assert.Equal(t, "ENOENT", failed["error.type"], event)
	}
}

func TestUnlinksAndRenamesAreReported(t *testing.T) {
	folder, s := watchedFolder(t, func(*Config) {})
	require.NoError(t, os.Mkdir(filepath.Join(folder, "below"), 0o755))
	run(t, filepath.Join(folder, "below"), "touch ../a; mv ../a ../b; rm ../b; cd ..; rmdir below")
	rename := s.event(t, "tapio.file.rename", ofFile(filepath.Join(folder, "a")))
	assert.Equal(t, "rename "+folder+"/a to "+folder+"/b by mv", rename.Body().Str())
	renamed := rename.Attributes().AsRaw()
	assert.Equal(t, filepath.Join(folder, "b"), renamed["tapio.file.target_path"])
	assert.Equal(t, "mv", renamed["process.executable.name"])
	removed := s.event(t, "tapio.file.unlink", ofFile(filepath.Join(folder, "b"))).Attributes().AsRaw()
	assert.Equal(t, "rm", removed["process.executable.name"])
	assert.NotContains(t, removed, "error.type")
	assert.Equal(t, "rmdir", s.event(t, "tapio.file.unlink", ofFile(filepath.Join(folder, "below"))).Attributes().AsRaw()["tapio.syscall.name"])
}

func TestLinksAreFollowedWhereAFileIsOpened(t *testing.T) {
	folder, s := watchedFolder(t, func(*Config) {})
	elsewhere := t.TempDir()
	run(t, elsewhere, "echo secret >"+folder+"/real; ln -s "+folder+" link; cat link/real")
	read := s.event(t, "tapio.file.open", func(record plog.LogRecord) bool {
		of, _ := record.Attributes().Get("process.executable.name")
		return ofFile(filepath.Join(folder, "real"))(record) && of.Str() == "cat"
	}).Attributes().AsRaw()
	assert.Equal(t, "O_RDONLY", read["tapio.file.flags"])
}

func TestOtherFilesAreNotReported(t *testing.T) {
	elsewhere := t.TempDir()
	folder, s := watchedFolder(t, func(c *Config) {
		c.Probes.File.ExcludePaths = []string{c.Probes.File.Paths[0] + "/cache"}
		c.Probes.File.Reads = false
	})
	run(t, elsewhere, `echo x >elsewhere; mkdir `+folder+`x `+folder+`/cache; echo x >`+folder+`x/beside; echo x >`+folder+`/cache/excluded
		rm elsewhere `+folder+`x/beside; echo x >`+folder+`/read; cat `+folder+`/read; rmdir `+folder+`x; touch `+folder+`/last`)
	s.event(t, "tapio.file.open", ofFile(filepath.Join(folder, "last")))
	for _, logs := range s.logs.AllLogs() {
		for _, resource := range logs.ResourceLogs().All() {
			for _, record := range resource.ScopeLogs().At(0).LogRecords().All() {
				name, ok := record.Attributes().Get("file.name")
				if !ok {
					continue
				}
				assert.NotContains(t, []string{"elsewhere", "beside", "excluded"}, name.Str())
				of, _ := record.Attributes().Get("process.executable.name")
				assert.NotEqual(t, "cat", of.Str(), "only reads, which are not asked for")
			}
		}
	}
}
