//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The ends of a wire.
const (
	nearAddress = "10.77.0.1"
	farAddress  = "10.77.0.2"
)

// wire joins two networks by a pair of TUN devices, whose packets this process
// carries from one to the other. It does what tc's netem does, on kernels that
// are built without it too.
type wire struct {
	delay atomic.Int64 // nanoseconds, each way
	lose  atomic.Int64 // packets of a hundred
}

// newWire lays a wire between two network namespaces.
func newWire(t *testing.T, near, far string) *wire {
	t.Helper()
	w := &wire{}
	a, b := openTUN(t, near, nearAddress), openTUN(t, far, farAddress)
	go w.carry(a, b, 1)
	go w.carry(b, a, 2)
	return w
}

// openTUN makes a device in a network namespace.
func openTUN(t *testing.T, netns, address string) *os.File {
	t.Helper()
	type opened struct {
		file *os.File
		err  error
	}
	done := make(chan opened)
	go func() {
		// The thread stays in that network: it ends with the goroutine.
		runtime.LockOSThread()
		file, err := tunIn(netns)
		done <- opened{file, err}
	}()
	got := <-done
	if os.IsNotExist(got.err) {
		t.Skip("needs /dev/net/tun")
	}
	require.NoError(t, got.err)
	t.Cleanup(func() { _ = got.file.Close() })
	run(t, "ip", "-n", netns, "addr", "add", address+"/30", "dev", "shop0")
	run(t, "ip", "-n", netns, "link", "set", "shop0", "up")
	return got.file
}

func tunIn(netns string) (*os.File, error) {
	network, err := os.Open(filepath.Join("/run/netns", netns))
	if err != nil {
		return nil, err
	}
	defer network.Close()
	if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	request, err := unix.NewIfreq("shop0")
	if err != nil {
		return nil, err
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil { // so that Close ends a Read
		return nil, err
	}
	return os.NewFile(uintptr(fd), "tun"), nil
}

// carry takes packets until the device is closed.
func (w *wire) carry(from, to *os.File, seed uint64) {
	chance := rand.New(rand.NewPCG(seed, seed))
	for {
		packet := make([]byte, 2048)
		n, err := from.Read(packet)
		if err != nil {
			return
		}
		if chance.Int64N(100) < w.lose.Load() {
			continue
		}
		send := func() { _, _ = to.Write(packet[:n]) } // a closed end loses it
		if delay := time.Duration(w.delay.Load()); delay > 0 {
			time.AfterFunc(delay, send)
			continue
		}
		send()
	}
}
