// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import "sync"

// bell wakes those who wait for new rows. The zero bell is ready.
type bell struct {
	mu    sync.Mutex
	rings chan struct{} // made only when someone waits
}

// wait returns a channel that is closed by the next ring. Look for new rows
// after the call, not before, or a ring goes unheard.
func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rings == nil {
		b.rings = make(chan struct{})
	}
	return b.rings
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rings != nil {
		close(b.rings)
		b.rings = nil
	}
}
