// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package packaging

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// descriptor is what an OCI image says of one of its parts.
type descriptor struct {
	Digest   string
	Platform struct{ Architecture, OS string }
}

// imageConfig is the part of an image's configuration that runs it.
type imageConfig struct {
	Architecture string
	Config       struct {
		User            string
		Entrypoint, Cmd []string
		WorkingDir      string
		Env             []string
		Labels          map[string]string
	}
}

// unpackedImage extracts the layers of this architecture.
func unpackedImage(t *testing.T, archive, rootfs string) (config imageConfig) {
	t.Helper()
	layout := t.TempDir()
	run(t, "tar", "-xf", archive, "-C", layout)
	blob := func(d descriptor) string {
		return filepath.Join(layout, "blobs", strings.Replace(d.Digest, ":", "/", 1))
	}
	var index struct{ Manifests []descriptor }
	readJSON(t, filepath.Join(layout, "index.json"), &index)
	for _, d := range index.Manifests {
		if d.Platform.Architecture != runtime.GOARCH || d.Platform.OS != "linux" {
			continue
		}
		var manifest struct {
			Config descriptor
			Layers []descriptor
		}
		readJSON(t, blob(d), &manifest)
		readJSON(t, blob(manifest.Config), &config)
		require.NoError(t, os.MkdirAll(rootfs, 0o755))
		for _, layer := range manifest.Layers {
			run(t, "tar", "-xzpf", blob(layer), "-C", rootfs)
		}
		return config
	}
	require.Fail(t, "the image has no manifest of this architecture", "%+v", index)
	return config
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(content, into), file)
}

// writeSpec makes a bundle of runc that runs the image as its configuration requires.
func writeSpec(t *testing.T, bundle string, config imageConfig) {
	t.Helper()
	run(t, "runc", "spec", "--bundle", bundle)
	file := filepath.Join(bundle, "config.json")
	var spec map[string]any
	readJSON(t, file, &spec)
	process := spec["process"].(map[string]any)
	process["terminal"] = false
	process["args"] = append(config.Config.Entrypoint, config.Config.Cmd...)
	process["env"], process["cwd"] = config.Config.Env, config.Config.WorkingDir
	var uid, gid int
	_, err := fmt.Sscanf(config.Config.User, "%d:%d", &uid, &gid)
	require.NoError(t, err)
	process["user"] = map[string]any{"uid": uid, "gid": gid}
	process["capabilities"] = map[string]any{}
	content, err := json.Marshal(spec)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, content, 0o600))
}

func TestTheImageRunsAsItsUser(t *testing.T) {
	_, archive := packagesOf(t, "tapio_*_oci.tar")
	if _, err := exec.LookPath("runc"); err != nil || os.Getuid() != 0 {
		t.Skip("runc is not installed, or not root")
	}
	bundle := t.TempDir()
	require.NoError(t, os.Chmod(bundle, 0o755))
	config := unpackedImage(t, archive, filepath.Join(bundle, "rootfs"))
	assert.Equal(t, "65532:65532", config.Config.User)
	assert.NotEmpty(t, config.Config.Labels["org.opencontainers.image.version"])
	writeSpec(t, bundle, config)

	name, state := fmt.Sprintf("tapio-test-%d", os.Getpid()), t.TempDir()
	var log bytes.Buffer
	container := exec.Command("runc", "--root", state, "run", "--bundle", bundle, name)
	container.Stdout, container.Stderr = &log, &log
	require.NoError(t, container.Start())
	t.Cleanup(func() { _ = exec.Command("runc", "--root", state, "delete", "--force", name).Run() }) // gone already, if all went well
	inside := func(args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), "runc", append([]string{"--root", state, "exec", name}, args...)...).CombinedOutput()
		return string(out), err
	}
	var status string
	require.Eventually(t, func() bool {
		out, err := inside("/tapioctl", "status")
		status = out
		return err == nil && strings.Contains(out, "SERVING")
	}, time.Minute, 200*time.Millisecond, "the collector does not answer")
	assert.Contains(t, status, config.Config.Labels["org.opencontainers.image.version"])

	require.NoError(t, exec.Command("runc", "--root", state, "kill", name, "TERM").Run())
	done := make(chan error, 1)
	go func() { done <- container.Wait() }()
	select {
	case err := <-done:
		require.NoError(t, err, log.String())
	case <-time.After(time.Minute):
		_ = container.Process.Signal(syscall.SIGKILL) // it did not end by itself, which fails the test
		require.Fail(t, "the container did not end", log.String())
	}
}
