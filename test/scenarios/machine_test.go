//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// machine is a part of this host with a network and cgroups of its own, in which
// a shop runs whose programs know nothing of telemetry. Its name begins the name
// of each of them, so that a collector can leave out all others.
type machine struct {
	name    string
	folder  string
	shopd   string
	started map[string]*program
	away    map[string]string // services in another network, by name
	cgroups map[string]string // folders by controller, of v2 under ""
}

// program is one running service.
type program struct {
	command *exec.Cmd
	input   io.WriteCloser
	ended   chan struct{}
}

// newMachine makes a network. The test is skipped where that, or looking into
// the kernel, cannot be had.
func newMachine(t *testing.T, name string) *machine {
	t.Helper()
	needs(t)
	m := &machine{name: name, folder: t.TempDir(), started: map[string]*program{}, away: map[string]string{}}
	m.shopd = filepath.Join(m.folder, "shopd")
	run(t, "go", "build", "-o", m.shopd, "./shopd")
	m.newNetwork(t, m.name)
	m.newCgroup(t)
	return m
}

func (*machine) newNetwork(t *testing.T, name string) {
	t.Helper()
	_ = exec.Command("ip", "netns", "delete", name).Run() // of a test that was killed
	run(t, "ip", "netns", "add", name)
	t.Cleanup(func() { run(t, "ip", "netns", "delete", name) })
	run(t, "ip", "-n", name, "link", "set", "lo", "up")
}

// putAway puts a service into a network of its own, at farAddress of the wire
// that leads there.
func (m *machine) putAway(t *testing.T, service string) *wire {
	t.Helper()
	m.away[service] = m.name + "-far"
	m.newNetwork(t, m.away[service])
	return newWire(t, m.name, m.away[service])
}

// haveHost waits until no other run breaks this host: the names of networks, cgroups
// and programs identify the scenarios, and are the same in each run.
func haveHost(t *testing.T) {
	t.Helper()
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), "tapio-scenarios.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() { _ = lock.Close() }) // which gives it up
	require.NoError(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
}

// needs skips the test where it cannot be had, and says why.
func needs(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes minutes")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root, for eBPF, network namespaces and cgroups")
	}
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		t.Skipf("needs a kernel that describes its types: %v", err)
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs iproute2")
	}
}

func run(t *testing.T, command string, args ...string) {
	t.Helper()
	out, err := exec.Command(command, args...).CombinedOutput()
	require.NoError(t, err, "%s %v: %s", command, args, out)
}

// start runs a service of the shop under the machine's name and its own, in the
// machine's cgroup if confined.
func (m *machine) start(t *testing.T, service string, confined bool, args ...string) *program {
	t.Helper()
	path := filepath.Join(m.folder, m.name+"-"+service)
	if _, err := os.Stat(path); err != nil {
		require.NoError(t, os.Link(m.shopd, path))
	}
	return m.startProgram(t, service, confined, path, args...)
}

// startProgram runs any program as a service.
func (m *machine) startProgram(t *testing.T, service string, confined bool, path string, args ...string) *program {
	t.Helper()
	enter := ""
	for _, folder := range m.cgroups {
		if confined {
			enter += "echo $$ > " + filepath.Join(folder, "cgroup.procs") + " && "
		}
	}
	network := cmp.Or(m.away[service], m.name)
	p := &program{ended: make(chan struct{})}
	p.command = exec.Command("sh", append([]string{"-c", enter + `exec ip netns exec "$0" "$@"`, network, path}, args...)...)
	var err error
	p.input, err = p.command.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, p.command.Start())
	go func() {
		_ = p.command.Wait() // many end by a signal
		close(p.ended)
	}()
	t.Cleanup(p.stop)
	m.started[service] = p
	return p
}

// stopLimit is how long a program may take to end after the signal.
const stopLimit = 10 * time.Second

// stop ends a service, as a deployment that scales to nothing would.
func (p *program) stop() {
	for _, signal := range []os.Signal{unix.SIGTERM, unix.SIGKILL} {
		_ = p.command.Process.Signal(signal) // it may have ended
		select {
		case <-p.ended:
			return
		case <-time.After(stopLimit):
		}
	}
}

func (m *machine) command(t *testing.T, service, line string) {
	t.Helper()
	_, err := fmt.Fprintln(m.started[service].input, line)
	require.NoError(t, err)
}

// newCgroup makes the cgroup in which confined services run: in v1 one in each
// hierarchy that the scenarios limit.
func (m *machine) newCgroup(t *testing.T) {
	t.Helper()
	m.cgroups = map[string]string{}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		_ = os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+memory +cpu +io"), 0o600) // may be on
		m.cgroups[""] = filepath.Join("/sys/fs/cgroup", m.name+"-shop")
	} else {
		for _, controller := range []string{"memory", "cpu", "blkio"} {
			m.cgroups[controller] = filepath.Join("/sys/fs/cgroup", controller, m.name+"-shop")
		}
	}
	for _, folder := range m.cgroups {
		require.NoError(t, os.MkdirAll(folder, 0o755))
		t.Cleanup(func() { _ = os.Remove(folder) }) // empty by then
	}
}

// limit sets a limit of the machine's cgroup, and takes it away before anything
// that waits because of it is ended.
func (m *machine) limit(t *testing.T, l cgroupLimit) {
	t.Helper()
	folder, files := m.cgroups[""], l.v2
	if folder == "" {
		folder, files = m.cgroups[l.controller], l.v1
	}
	for _, file := range files {
		path := filepath.Join(folder, file.name)
		require.NoError(t, os.WriteFile(path, []byte(file.value), 0o600), path)
		if file.lift != "" {
			t.Cleanup(func() { _ = os.WriteFile(path, []byte(file.lift), 0o600) }) // best effort
		}
	}
}

// cgroupLimit is one limit as the two versions of cgroups write it.
type cgroupLimit struct {
	controller string
	v1, v2     []cgroupFile
}

type cgroupFile struct{ name, value, lift string }

func memoryLimit(bytes int) cgroupLimit {
	text := strconv.Itoa(bytes)
	return cgroupLimit{
		controller: "memory", v1: []cgroupFile{{name: "memory.limit_in_bytes", value: text}},
		v2: []cgroupFile{{name: "memory.max", value: text}, {name: "memory.swap.max", value: "0"}},
	}
}

// cpuLimit is in parts of a hundred of one CPU.
func cpuLimit(percent int) cgroupLimit {
	quota := strconv.Itoa(percent * 1000)
	return cgroupLimit{
		controller: "cpu", v1: []cgroupFile{{"cpu.cfs_quota_us", quota, "-1"}},
		v2: []cgroupFile{{"cpu.max", quota + " 100000", "max"}},
	}
}

// diskLimit bounds the bytes a second that are written to the device of a folder.
func diskLimit(t *testing.T, folder string, bytesPerSecond int) cgroupLimit {
	t.Helper()
	var stat unix.Stat_t
	require.NoError(t, unix.Stat(folder, &stat))
	device := fmt.Sprintf("%d:%d", unix.Major(stat.Dev), unix.Minor(stat.Dev))
	return cgroupLimit{
		controller: "blkio", v1: []cgroupFile{{"blkio.throttle.write_bps_device", fmt.Sprintf("%s %d", device, bytesPerSecond), device + " 0"}},
		v2: []cgroupFile{{"io.max", fmt.Sprintf("%s wbps=%d", device, bytesPerSecond), device + " wbps=max"}},
	}
}

// onlyOwn is the part of the receiver's configuration that leaves out what else
// runs on this host.
func (m *machine) onlyOwn() string {
	own := fmt.Sprintf("^%s-", m.name)
	return strings.NewReplacer("OWN", own, "NAME", m.name).Replace(`
    logs: {include: ['IsMatch(attributes["process.executable.name"], "OWN")']}
    traces: {include: ['IsMatch(resource.attributes["service.name"], "OWN")']}
    metrics:
      include:
        - 'IsMatch(attributes["process.executable.name"], "OWN")'
        - 'IsMatch(resource.attributes["service.name"], "OWN")'
        - 'IsMatch(attributes["process.linux.cgroup"], "NAME")'
        - 'IsMatch(metric.name, "^tapio.disk")'
`)
}
