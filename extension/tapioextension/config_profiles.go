// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"fmt"

	"github.com/dustin/go-humanize"
)

// ProfilesStoreConfig bounds the profiles in the store.
type ProfilesStoreConfig struct {
	// MemoryLimit is the part of store::memory_limit that profiles may take. It reduces the memory of the
	// other signals, in proportion to their shares, once there are profiles. 0, the default, is a
	// sixteenth of store::memory_limit. Accepted: 1MiB to half of store::memory_limit.
	MemoryLimit ByteSize `mapstructure:"memory_limit"`

	// SymbolsLimit is what uploaded tables of functions may take, in memory and in the directory, and
	// reduces the memory of the other signals as profiles do. The tables used the longest time ago are
	// dropped first. 0, the default, is a sixteenth of store::memory_limit.
	// Accepted: 64KiB to a quarter of store::memory_limit.
	SymbolsLimit ByteSize `mapstructure:"symbols_limit"`
}

const (
	minProfileMemory ByteSize = 1 << 20
	minSymbolMemory  ByteSize = 64 << 10
	// profilePart is the part of the store for profiles by default, one in profilePart.
	profilePart = 16
)

func (c *StoreConfig) validateProfiles() error {
	if symbols := c.Profiles.SymbolsLimit; symbols != 0 && (symbols < minSymbolMemory || symbols > c.MemoryLimit/4) {
		return fmt.Errorf("profiles::symbols_limit: must be %s to a quarter of store::memory_limit, %s, or left out, is %d bytes: "+
			"write a number with its unit, for example 16MiB",
			humanize.IBytes(uint64(minSymbolMemory)), humanize.IBytes(uint64(c.MemoryLimit/4)), symbols)
	}
	limit := c.Profiles.MemoryLimit
	if limit == 0 || limit >= minProfileMemory && limit <= c.MemoryLimit/2 {
		return nil
	}
	return fmt.Errorf("profiles::memory_limit: must be %s to half of store::memory_limit, %s, or left out, is %d bytes: "+
		"write a number with its unit, for example 32MiB",
		humanize.IBytes(uint64(minProfileMemory)), humanize.IBytes(uint64(c.MemoryLimit/2)), limit)
}

func (c *StoreConfig) symbolBytes() int64 {
	if c.Profiles.SymbolsLimit > 0 {
		return int64(c.Profiles.SymbolsLimit)
	}
	return int64(max(c.MemoryLimit/profilePart, minSymbolMemory))
}

func (c *StoreConfig) profileBytes() int64 {
	if c.Profiles.MemoryLimit > 0 {
		return int64(c.Profiles.MemoryLimit)
	}
	return int64(max(c.MemoryLimit/profilePart, minProfileMemory))
}
