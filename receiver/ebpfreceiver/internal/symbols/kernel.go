//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"bufio"
	"cmp"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
)

const (
	// maxKernelSymbols bounds the functions of the kernel and its modules to some 30 MB.
	maxKernelSymbols = 1 << 20
	// kernelAge is how long what was read of the kernel holds before a new module is
	// looked for.
	kernelAge = time.Minute
	// KindKernel is the type of the kernel's frames.
	KindKernel = "kernel"
	kernelFile = "vmlinux"
)

// kernelSymbols are the functions of the kernel.
type kernelSymbols struct {
	addresses []uint64
	names     []uint32 // where each name begins in texts
	texts     []byte   // name, a tab and the module, each ended by a line
	hidden    bool     // the addresses are kept secret
	read      time.Time
}

// readKernelSymbols reads /proc/kallsyms.
func readKernelSymbols(proc string, now time.Time) (*kernelSymbols, error) {
	file, err := os.Open(filepath.Join(proc, "kallsyms"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	k := parseKernelSymbols(file)
	k.read = now
	return k, nil
}

// parseKernelSymbols reads lines of ADDRESS TYPE NAME, and of a module a tab and its name
// in brackets.
func parseKernelSymbols(from io.Reader) *kernelSymbols {
	k := &kernelSymbols{}
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 4<<10), 64<<10)
	listed := false
	for lines.Scan() && len(k.addresses) < maxKernelSymbols {
		text := lines.Text()
		first, rest, _ := strings.Cut(text, " ")
		kind, name, found := strings.Cut(rest, " ")
		if !found || kind != "t" && kind != "T" && kind != "w" && kind != "W" {
			continue
		}
		listed = true
		address, err := strconv.ParseUint(first, 16, 64)
		if err != nil || address == 0 {
			continue
		}
		k.addresses = append(k.addresses, address)
		k.names = append(k.names, uint32(len(k.texts)))
		k.texts = append(append(k.texts, name...), '\n')
	}
	k.hidden = listed && len(k.addresses) == 0
	k.addresses, k.names, k.texts = slices.Clip(k.addresses), slices.Clip(k.names), slices.Clip(k.texts)
	sort.Stable(byAddress{k})
	return k
}

type byAddress struct{ *kernelSymbols }

func (k byAddress) Len() int           { return len(k.addresses) }
func (k byAddress) Less(i, j int) bool { return k.addresses[i] < k.addresses[j] }
func (k byAddress) Swap(i, j int) {
	k.addresses[i], k.addresses[j] = k.addresses[j], k.addresses[i]
	k.names[i], k.names[j] = k.names[j], k.names[i]
}

// find returns the frame of an address; its function is empty if there is none.
func (k *kernelSymbols) find(address uint64) model.Frame {
	f := model.Frame{Kind: KindKernel, Mapping: kernelFile, Address: address}
	after, _ := slices.BinarySearchFunc(k.addresses, address, func(a, wanted uint64) int {
		return cmp.Or(cmp.Compare(a, wanted), -1)
	})
	if after == 0 || address-k.addresses[after-1] > 1<<20 {
		return f
	}
	text := k.texts[k.names[after-1]:]
	name := string(text[:slices.Index(text, '\n')])
	name, module, _ := strings.Cut(name, "\t")
	f.Function, f.Address = name, 0
	if module = strings.Trim(module, "[]"); module != "" {
		f.Mapping = module
	}
	return f
}

func (k *kernelSymbols) bytes() int {
	if k == nil {
		return 0
	}
	return 8*cap(k.addresses) + 4*cap(k.names) + cap(k.texts)
}
