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

// packagesOf returns the folder of the packages, and the path of the one of a kind.
func packagesOf(t *testing.T, pattern string) (folder, found string) {
	t.Helper()
	folder = os.Getenv("TAPIO_PACKAGES")
	if folder == "" {
		t.Skip("TAPIO_PACKAGES names no folder with packages: run make package-test")
	}
	list, err := filepath.Glob(filepath.Join(folder, strings.ReplaceAll(pattern, "ARCH", runtime.GOARCH)))
	require.NoError(t, err)
	require.Len(t, list, 1, pattern)
	return folder, list[0]
}

// run runs a command and returns what it printed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v\n%s", name, args, out)
	return string(out)
}

// inCopy runs a script as root in a copy of the host's file system, with network and
// process namespaces of its own.
func inCopy(t *testing.T, script string, env ...string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("not root: packages are installed as root")
	}
	if _, err := exec.LookPath("dpkg"); err != nil {
		t.Skip("dpkg is not installed")
	}
	work := t.TempDir()
	outer := `set -e
mount -t tmpfs tmpfs "$WORK"
mkdir "$WORK/upper" "$WORK/work" "$WORK/root"
mount -t overlay overlay -o lowerdir=/,upperdir="$WORK/upper",workdir="$WORK/work" "$WORK/root"
mount -t proc proc "$WORK/root/proc"
mount --rbind /sys "$WORK/root/sys"
mount --rbind /dev "$WORK/root/dev"
mount -t tmpfs tmpfs "$WORK/root/run"
mount -t tmpfs tmpfs "$WORK/root/tmp"
mkdir "$WORK/root/tmp/packages"
mount --bind "$PACKAGES" "$WORK/root/tmp/packages"
ip link set lo up
exec chroot "$WORK/root" /bin/bash -euxc "$SCRIPT"`
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "/bin/bash", "-c", outer)
	cmd.Env = append(append(os.Environ(), "WORK="+work, "SCRIPT="+script), env...)
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "mount: ") {
		t.Skipf("file systems cannot be mounted here: %s", out)
	}
	require.NoError(t, err, "%s", out)
	return string(out)
}

func TestThePackageOfDebianInstallsRunsUpgradesAndGoes(t *testing.T) {
	folder, deb := packagesOf(t, "tapio_*_ARCH.deb")
	fields := run(t, "dpkg-deb", "--field", deb)
	version := strings.TrimSpace(run(t, "dpkg-deb", "--field", deb, "Version"))
	assert.Contains(t, fields, "Package: tapio\n")
	out := inCopy(t, `
export DEBIAN_FRONTEND=noninteractive
deb=/tmp/packages/`+filepath.Base(deb)+`
dpkg -i "$deb"
getent passwd tapio
test -x /usr/bin/tapio && test -f /etc/tapio/tapio.yaml && test -f /usr/lib/systemd/system/tapio.service
tapioctl --version | grep -F "$VERSION"
install -d -o tapio -g tapio -m 0700 /var/lib/tapio
. /etc/tapio/tapio.env
setpriv --reuid tapio --regid tapio --clear-groups --bounding-set=-all,+bpf,+perfmon,+sys_ptrace --inh-caps=-all,+bpf,+perfmon,+sys_ptrace --ambient-caps=-all,+bpf,+perfmon,+sys_ptrace \
	/usr/bin/tapio --config=/etc/tapio/tapio.yaml $TAPIO_OPTIONS > /tmp/log 2>&1 &
pid=$!
set +x; for i in $(seq 300); do tapioctl status > /dev/null 2>&1 && break; sleep 0.1; done; set -x
tapioctl status || { cat /tmp/log; exit 1; }
grep '^Uid:' /proc/$pid/status
test "$(stat -c %U /proc/$pid)" = tapio -o "$(stat -c %U /var/lib/tapio/store)" = tapio
kill -TERM $pid
wait $pid
test -n "$(ls -A /var/lib/tapio/store)"
echo '# mine' >> /etc/tapio/tapio.yaml
mkdir /tmp/next && dpkg-deb -R "$deb" /tmp/next
sed -i 's/^Version: .*/Version: 99.0/' /tmp/next/DEBIAN/control
dpkg-deb -Zgzip -z1 -b /tmp/next /tmp/next.deb
dpkg -i /tmp/next.deb
dpkg -s tapio | grep '^Version: 99.0'
tail -1 /etc/tapio/tapio.yaml | grep '# mine'
dpkg -r tapio
test ! -e /usr/bin/tapio && test -e /etc/tapio/tapio.yaml && test -e /var/lib/tapio/store
dpkg -P tapio
test ! -e /etc/tapio/tapio.yaml && test ! -e /var/lib/tapio
echo all-done`, "PACKAGES="+folder, "VERSION="+version)
	assert.Contains(t, out, "\nall-done\n", out)
	assert.NotContains(t, out, "\nUid:\t0\t")
}

func TestTheServiceIsConfined(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	// Above a threshold of 30, for 3.0, the command fails.
	run(t, "systemd-analyze", "security", "--offline=true", "--threshold=30", "../../distribution/packaging/tapio.service")
}

func TestArchivesAndChecksums(t *testing.T) {
	folder, archive := packagesOf(t, "tapio_*_linux_ARCH.tar.gz")
	content := run(t, "tar", "-tzf", archive)
	for _, name := range []string{"tapio", "tapioctl", "LICENSE", "THIRD_PARTY_NOTICES", "tapio.yaml"} {
		assert.Contains(t, content, "/"+name+"\n")
	}
	assert.NotContains(t, run(t, "bash", "-c", "cd "+folder+" && sha256sum -c SHA256SUMS"), "FAILED")
	notices, err := os.ReadFile(filepath.Join(folder, "SHA256SUMS"))
	require.NoError(t, err)
	for _, kind := range []string{".deb", ".rpm", ".tar.gz", ".cdx.json"} {
		assert.Contains(t, string(notices), kind)
	}
}
