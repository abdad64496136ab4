// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"maps"
	"sync"
)

// counter counts by reason.
type counter struct {
	mu     sync.Mutex
	counts map[string]uint64
}

func (c *counter) add(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]uint64{}
	}
	c.counts[reason]++
}

func (c *counter) snapshot() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}
