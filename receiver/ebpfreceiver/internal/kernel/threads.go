//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"github.com/cilium/ebpf"

	"github.com/tapio/tapio/bpf"
)

// shareThreads makes the map of what is known of threads. A kernel that does not describe
// its types has none; the features that need it are off there.
func (k *Kernel) shareThreads() error {
	spec, err := bpf.LoadProfile()
	if err != nil {
		return err
	}
	if m, err := ebpf.NewMap(spec.Maps[bpf.ProfileMapThreadReads]); err == nil {
		k.shared[bpf.ProfileMapThreadReads] = m
	}
	return nil
}
