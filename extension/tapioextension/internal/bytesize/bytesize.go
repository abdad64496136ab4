// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package bytesize reads sizes of configurations.
package bytesize

import (
	"fmt"
	"math"

	"github.com/dustin/go-humanize"
)

// ByteSize is a number of bytes, in YAML also written with a unit: 256MiB, 1GB.
type ByteSize int64

// UnmarshalText reads a number with an optional unit.
func (b *ByteSize) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > math.MaxInt64 {
		return fmt.Errorf("%q is not a size in bytes: write a number with a unit, for example 256MiB", text)
	}
	*b = ByteSize(n)
	return nil
}
