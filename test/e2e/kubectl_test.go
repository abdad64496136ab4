// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The built client, run under the name of a kubectl plugin, reaches a real collector through a kubectl that knows one pod.
func TestKubectlPlugin(t *testing.T) {
	c := Start(t, standard)
	_, port, err := net.SplitHostPort(c.GRPC)
	require.NoError(t, err)
	folder := t.TempDir()
	kubectl := `#!/bin/sh
case "$*" in
*"get pods"*) cat <<'END'
{"items": [{"metadata": {"namespace": "observability", "name": "tapio-gateway-0", "labels": {"app.kubernetes.io/component": "gateway"}},
  "status": {"phase": "Running"}}]}
END
;;
*":4417") echo "Forwarding from 127.0.0.1:` + port + ` -> 4417"; exec sleep 600 ;;
esac
`
	require.NoError(t, os.WriteFile(filepath.Join(folder, "kubectl"), []byte(kubectl), 0o700))
	plugin := filepath.Join(folder, "kubectl-tapio")
	require.NoError(t, os.Symlink(binary(t, "TAPIOCTL_BIN", "tapioctl"), plugin))

	cmd := exec.CommandContext(bounded(t), plugin, "-n", "observability", "status")
	cmd.Env = append(os.Environ(), "PATH="+folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "at observability/tapio-gateway-0: ")
}
