// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"fmt"

	"github.com/dustin/go-humanize"
)

// ProfilesStoreConfig bounds the profiles in the store.
type ProfilesStoreConfig struct {
	// MemoryLimit is the part of store::memory_limit that profiles may take: 1 MiB or
	// more and at most half of it; by default a sixteenth of it, 1 MiB or more. What
	// profiles take is missing from the parts of the other signals, in proportion to
	// their shares; while there are no profiles nothing is.
	MemoryLimit ByteSize `mapstructure:"memory_limit"`
}

const (
	minProfileMemory ByteSize = 1 << 20
	// profilePart is the part of the store for profiles by default, one in profilePart.
	profilePart = 16
)

func (c *StoreConfig) validateProfiles() error {
	limit := c.Profiles.MemoryLimit
	if limit == 0 || limit >= minProfileMemory && limit <= c.MemoryLimit/2 {
		return nil
	}
	return fmt.Errorf("profiles::memory_limit: must be %s to half of store::memory_limit, %s, or left out, is %d bytes: "+
		"write a number with its unit, for example 32MiB",
		humanize.IBytes(uint64(minProfileMemory)), humanize.IBytes(uint64(c.MemoryLimit/2)), limit)
}

func (c *StoreConfig) profileBytes() int64 {
	if c.Profiles.MemoryLimit > 0 {
		return int64(c.Profiles.MemoryLimit)
	}
	return int64(max(c.MemoryLimit/profilePart, minProfileMemory))
}
