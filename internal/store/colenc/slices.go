// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package colenc

import (
	"unsafe"
)

// SliceBytes is the memory that a slice holds, room for further elements included.
func SliceBytes[T any](list []T) int {
	var element T
	return cap(list) * int(unsafe.Sizeof(element))
}

// Exactly returns a copy without room to grow.
func Exactly[T any](list []T) []T {
	exact := make([]T, len(list))
	copy(exact, list)
	return exact
}
