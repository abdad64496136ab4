// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package pprof

import (
	"github.com/google/pprof/profile"

	"github.com/tapio/tapio/internal/model"
)

// Since reads what was added between two files of a program that counts from its start.
// If the program was started again between them, all of the later file is new. Both
// are not compressed.
func Since(before, now []byte) ([]model.Profile, error) {
	later, err := parse(now)
	if err != nil {
		return nil, err
	}
	earlier, err := parse(before)
	if err != nil {
		return nil, err
	}
	earlier.Scale(-1)
	difference, err := profile.Merge([]*profile.Profile{later, earlier})
	if err != nil || decreased(difference) {
		return decode(later)
	}
	return decode(difference)
}

func decreased(p *profile.Profile) bool {
	for _, s := range p.Sample {
		for _, value := range s.Value {
			if value < 0 {
				return true
			}
		}
	}
	return false
}
