// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package packaging

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestThePackageOfRPMInstallsRunsUpgradesAndGoes(t *testing.T) {
	if _, err := exec.LookPath("rpm"); err != nil {
		t.Skip("rpm is not installed")
	}
	folder, rpm := packagesOf(t, map[string]string{"amd64": "tapio-*.x86_64.rpm", "arm64": "tapio-*.aarch64.rpm"}[runtime.GOARCH])
	assert.Equal(t, "tapio Apache-2.0", run(t, "rpm", "--query", "--queryformat", "%{NAME} %{LICENSE}", "--package", rpm))
	assert.Contains(t, run(t, "rpm", "--query", "--configfiles", "--package", rpm), "/etc/tapio/tapio.yaml\n")
	out := inCopy(t, `
rpm=/tmp/packages/`+filepath.Base(rpm)+`
mkdir -p /var/lib/rpm && rpm --initdb
rpm --install "$rpm"
getent passwd tapio
test -x /usr/bin/tapio && test -f /etc/tapio/tapio.yaml && test -f /usr/lib/systemd/system/tapio.service
rpm --verify tapio
tapioctl --version | grep -F "$VERSION"
install -d -o tapio -g tapio -m 0700 /var/lib/tapio
. /etc/tapio/tapio.env
setpriv --reuid tapio --regid tapio --clear-groups /usr/bin/tapio --config=/etc/tapio/tapio.yaml $TAPIO_OPTIONS > /tmp/log 2>&1 &
pid=$!
set +x; for i in $(seq 300); do tapioctl status > /dev/null 2>&1 && break; sleep 0.1; done; set -x
tapioctl status || { cat /tmp/log; exit 1; }
kill -TERM $pid
wait $pid
echo '# mine' >> /etc/tapio/tapio.yaml
rpm --upgrade /tmp/packages/`+filepath.Base(nextRPM(t, folder))+`
rpm --query tapio | grep 99.0
tail -1 /etc/tapio/tapio.yaml | grep '# mine'
rpm --erase tapio
test ! -e /usr/bin/tapio && test ! -e /usr/lib/systemd/system/tapio.service
tail -1 /etc/tapio/tapio.yaml.rpmsave | grep '# mine'
test -d /var/lib/tapio/store
echo all-done`, "PACKAGES="+folder, "VERSION="+versionOf(t))
	assert.Contains(t, out, "\nall-done\n", out)
}

// nextRPM makes a package of a later version, with what the archive holds, until the test ends.
func nextRPM(t *testing.T, folder string) string {
	t.Helper()
	_, archive := packagesOf(t, "tapio_*_linux_ARCH.tar.gz")
	stage, next := t.TempDir(), filepath.Join(folder, "next.rpm")
	run(t, "tar", "-xzf", archive, "--strip-components=1", "-C", stage)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, ".tools/nfpm", "package", "--config", "distribution/packaging/nfpm.yaml", "--packager", "rpm", "--target", next)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "ARCH="+runtime.GOARCH, "VERSION=99.0", "STAGE="+stage)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	t.Cleanup(func() { assert.NoError(t, os.Remove(next)) })
	return next
}

// versionOf is the version of the packages, as the names of archives have it.
func versionOf(t *testing.T) string {
	t.Helper()
	_, archive := packagesOf(t, "tapio_*_linux_ARCH.tar.gz")
	return strings.TrimSuffix(strings.TrimPrefix(filepath.Base(archive), "tapio_"), "_linux_"+runtime.GOARCH+".tar.gz")
}
