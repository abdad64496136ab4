//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package emit

import (
	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// NewRecent panics only for a size of zero.
func NewRecent[K comparable, V any](size int) *simplelru.LRU[K, V] {
	lru, err := simplelru.NewLRU[K, V](size, nil)
	if err != nil {
		panic(err)
	}
	return lru
}
