//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bufio"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// socket is a line of /proc/PID/net/tcp.
type socket struct {
	local, remote netip.AddrPort
	state         uint64
	inode         uint64
}

// sockets reads those of the network namespace of a process.
func (f *procfs) sockets(pid uint32) (list []socket) {
	for _, name := range []string{"net/tcp", "net/tcp6"} {
		file, err := os.Open(f.file(pid, name))
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			if s, ok := parseSocket(lines.Text()); ok {
				list = append(list, s)
			}
		}
		_ = file.Close()
	}
	return list
}

func parseSocket(line string) (s socket, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 10 {
		return s, false
	}
	var errs [2]error
	s.local, ok = parseAddress(fields[1])
	remote, hasRemote := parseAddress(fields[2])
	s.remote = remote
	s.state, errs[0] = strconv.ParseUint(fields[3], 16, 8)
	s.inode, errs[1] = strconv.ParseUint(fields[9], 10, 64)
	return s, ok && hasRemote && errs == [2]error{}
}

// parseAddress reads 0100007F:1F90: words of the machine's order of bytes.
func parseAddress(text string) (netip.AddrPort, bool) {
	address, port, found := strings.Cut(text, ":")
	words, err := hex.DecodeString(address)
	number, err2 := strconv.ParseUint(port, 16, 16)
	if !found || err != nil || err2 != nil || len(words)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(words); i += 4 {
		slices.Reverse(words[i : i+4])
	}
	of, ok := netip.AddrFromSlice(words)
	return netip.AddrPortFrom(of.Unmap(), uint16(number)), ok
}

// netns is the network namespace of a process, 0 if it may not be known.
func (f *procfs) netns(pid uint32) uint32 {
	name, err := os.Readlink(f.file(pid, "ns/net"))
	if err != nil {
		return 0
	}
	number, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(name, "net:["), "]"), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(number)
}

// holders calls the function for each process that holds a socket, with its inode.
func (f *procfs) holders(pids []uint32, each func(pid uint32, inode uint64)) {
	for _, pid := range pids {
		folder := f.file(pid, "fd")
		entries, err := os.ReadDir(folder)
		if err != nil {
			continue // it has gone, or is not ours to see
		}
		for _, entry := range entries {
			name, err := os.Readlink(filepath.Join(folder, entry.Name()))
			if err != nil {
				continue
			}
			text, isSocket := strings.CutPrefix(name, "socket:[")
			if inode, err := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 64); isSocket && err == nil {
				each(pid, inode)
			}
		}
	}
}

// sender returns the process that holds the other end of a connection to this one, by the
// address that the connection comes from. It returns none where the address is not that
// of exactly one connection on this host.
func (f *procfs) sender(from netip.AddrPort) (key Key, ok bool) {
	self := uint32(os.Getpid())
	own := map[uint64]bool{}
	f.holders([]uint32{self}, func(_ uint32, inode uint64) { own[inode] = true })
	var to netip.AddrPort
	for _, s := range f.sockets(self) {
		if s.remote == from && s.state == stateEstablished && own[s.inode] {
			if to.IsValid() && to != s.local {
				return Key{}, false
			}
			to = s.local
		}
	}
	if !to.IsValid() {
		return Key{}, false
	}
	pids := f.pids()
	inode, netns := f.connection(from, to, pids)
	if inode == 0 {
		return Key{}, false
	}
	pids = slices.DeleteFunc(pids, func(pid uint32) bool { return pid == self || f.netns(pid) != netns })
	f.holders(pids, func(pid uint32, held uint64) {
		// Of those that share it through fork the first is the one that made it.
		if stat, err := f.stat(pid); held == inode && err == nil && (!ok || stat.key.Start < key.Start) {
			key, ok = stat.key, true
		}
	})
	return key, ok
}

// connection finds the client's end, in this process's network namespace alone if the
// address is one of loopback; 0 if there is none or more than one.
func (f *procfs) connection(from, to netip.AddrPort, pids []uint32) (inode uint64, in uint32) {
	self := uint32(os.Getpid())
	if from.Addr().IsLoopback() {
		pids = nil
	}
	seen := map[uint32]bool{0: true}
	for _, pid := range append([]uint32{self}, pids...) {
		netns := f.netns(pid)
		if seen[netns] {
			continue
		}
		seen[netns] = true
		for _, s := range f.sockets(pid) {
			if s.local != from || s.remote != to || s.state != stateEstablished {
				continue
			}
			if inode != 0 {
				return 0, 0
			}
			inode, in = s.inode, netns
		}
	}
	return inode, in
}

// pids are those of all processes there are.
func (f *procfs) pids() (pids []uint32) {
	entries, err := os.ReadDir(f.root)
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		if pid, err := strconv.ParseUint(entry.Name(), 10, 32); err == nil {
			pids = append(pids, uint32(pid))
		}
	}
	return pids
}

// hasID reports whether that is the id of a process, on the host or in its container.
func (f *procfs) hasID(key Key, id int64) bool {
	if int64(key.PID) == id {
		return true
	}
	status, err := os.ReadFile(f.file(key.PID, "status"))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(status), "\nNSpid:")
	line, _, _ := strings.Cut(rest, "\n")
	return slices.Contains(strings.Fields(line), strconv.FormatInt(id, 10))
}
