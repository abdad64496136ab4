//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// On a busy host counts can be read before the event of the start.
func TestCountsWaitForTheStartOfTheirProgram(t *testing.T) {
	out := emit.NewBatch(emit.Origin{}, identity.NewTable(t.TempDir()))
	key, of := programKey{Inode: 7}, programInfo{PID: 42}
	copy(of.Name[:], "statter")
	assert.True(t, key.startPending(&of, out))
	out.Table.Executed(&identity.Start{Key: identity.Key{PID: 42, Start: 1}, Exe: "statter", File: "/bin/statter"})
	assert.False(t, key.startPending(&of, out))
	exiting := programKey{} // its memory is gone, and with it the inode
	assert.False(t, exiting.startPending(&of, out))
	assert.Equal(t, "statter", key.program(&of, out.Table).place.Service)
	unknown := programInfo{PID: 43}
	copy(unknown.Name[:], "another")
	out.Final = true
	assert.False(t, key.startPending(&unknown, out), "there is no next collection")
}
