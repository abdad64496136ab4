//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"os"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/require"
)

// What was counted is reported once, in whichever kind of map it stays or from which it
// is removed while nothing is added to it.
func TestAnIdleCountIsNotReportedAgain(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: it makes maps in the kernel")
	}
	for _, kind := range []ebpf.MapType{ebpf.Array, ebpf.Hash} {
		t.Run(kind.String(), func(t *testing.T) {
			m, err := ebpf.NewMap(&ebpf.MapSpec{Type: kind, KeySize: 4, ValueSize: 8, MaxEntries: 4})
			require.NoError(t, err)
			defer func() { require.NoError(t, m.Close()) }()
			c := NewCounter[uint32, uint64](m)
			now := time.Unix(1_700_000_000, 0)
			read := func() (total uint64) {
				require.NoError(t, c.Read(now, nil, func(_ *uint32, value, before *uint64) { total += *value - *before }))
				return total
			}
			require.NoError(t, m.Put(uint32(2), uint64(40)))
			require.Equal(t, uint64(40), read())
			for range 3 {
				now = now.Add(Idle + time.Second)
				require.Zero(t, read())
			}
			var counted uint64
			if m.Lookup(uint32(2), &counted) != nil {
				counted = 0 // it was removed
			}
			require.NoError(t, m.Put(uint32(2), counted+2))
			require.Equal(t, uint64(2), read())
		})
	}
}
