// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

// Durability is what a crash may take of the rows that were stored in a directory.
type Durability uint8

const (
	// DurabilityNone is for those of the last 10 s.
	DurabilityNone Durability = iota
	// DurabilityAsync is for those of the last second.
	DurabilityAsync
	// DurabilitySync is for none.
	DurabilitySync
)

// String returns the name that the configuration has.
func (d Durability) String() string {
	switch d {
	case DurabilityAsync:
		return "async"
	case DurabilitySync:
		return "sync"
	default:
		return "none"
	}
}
